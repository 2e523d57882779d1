//! Pictures of the examples.

#![allow(clippy::unwrap_used, reason = "tests")]

use proofmark_plan::{
    check::execution_dag,
    graph,
    source::{Format, read},
    testing::plan_and_inputs,
};

#[test]
fn the_signals_example_has_its_sub_plans_in_every_notation() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/signals/plan.yaml");
    let source = read(&std::fs::read_to_string(path).unwrap(), path, Format::Yaml).unwrap();
    let dag = execution_dag(&source.plan).unwrap();
    assert_eq!(dag.nodes.len(), 11);
    let ids: Vec<_> = dag.order.iter().map(|&node| dag.nodes[node].id.as_str()).collect();
    assert_eq!(
        ids,
        ["quotes", "days", "long", "returns", "average", "advice", "best", "keep", "worst", "stop", "shown"]
    );

    let mermaid = graph::mermaid(&dag);
    assert!(mermaid.starts_with("flowchart TD\n"));
    assert!(mermaid.contains("subgraph") && mermaid.contains("advice then") && mermaid.contains("-->"));
    let dot = graph::dot(&dag);
    assert!(dot.contains("cluster_") && dot.contains("->"));
    let svg = graph::svg(&dag);
    roxmltree::Document::parse(&svg).unwrap();
    assert!(svg.contains(">returns<") && svg.contains("mean_gain: decimal(38,8)?"));
    if let Some(folder) = std::env::var_os("GRAPH_OUT") {
        std::fs::write(std::path::Path::new(&folder).join("signals.svg"), svg).unwrap();
    }
}

#[test]
fn every_random_plan_has_a_picture_without_overlaps() {
    for seed in 0..100 {
        let (plan, _) = plan_and_inputs(seed);
        let dag = execution_dag(&plan).unwrap();
        assert!(graph::mermaid(&dag).lines().count() > dag.nodes.len());
        assert!(graph::dot(&dag).ends_with("}\n"));
        let svg = graph::svg(&dag);
        let document =
            roxmltree::Document::parse(&svg).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let number =
            |node: &roxmltree::Node<'_, '_>, name| node.attribute(name).unwrap().parse::<f64>().unwrap();
        let boxes: Vec<_> = document
            .descendants()
            .filter(|node| node.attribute("rx") == Some("7"))
            .map(|node| {
                let (x, y) = (number(&node, "x"), number(&node, "y"));
                (x, y, x + number(&node, "width"), y + number(&node, "height"))
            })
            .collect();
        assert_eq!(boxes.len(), dag.nodes.len());
        for (at, a) in boxes.iter().enumerate() {
            for b in &boxes[at + 1..] {
                let apart = a.2 < b.0 || b.2 < a.0 || a.3 < b.1 || b.3 < a.1;
                let inside = a.0 <= b.0 && a.1 <= b.1 && b.2 <= a.2 && b.3 <= a.3;
                assert!(apart || inside, "seed {seed}: {a:?} {b:?}");
            }
        }
    }
}
