//! Pages of the documentation that speak of this crate say what is there.

use std::fs;

use proofmark_binding::{error::Error, service::metrics};

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/src");
const CRATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn page(name: &str) -> String {
    fs::read_to_string(format!("{DOCS}/{name}")).expect("in the repository")
}

#[test]
fn every_test_that_the_page_names_exists() {
    let page = page("binding-tests.md");
    let mut found = 0;
    for name in page.split('`').filter(|part| part.contains(".rs::")) {
        let (file, test) = name.split_once("::").expect("it has one");
        let text =
            fs::read_to_string(format!("{CRATES}/{file}")).unwrap_or_else(|error| panic!("{file}: {error}"));
        let at = text.find(&format!("fn {test}(")).unwrap_or_else(|| panic!("{name} does not exist"));
        let before = &text[..at];
        let attributes = &before[before.rfind("}\n").unwrap_or(0)..];
        assert!(attributes.contains("#[test]") || attributes.contains("proptest!"), "{name} is no test");
        found += 1;
    }
    assert!(found > 60, "{found}");
}

#[test]
fn every_code_and_alert_has_its_place_in_troubleshooting() {
    let page = page("binding-troubleshooting.md");
    for code in Error::CODES {
        assert!(page.contains(&format!("| `{code}` |")), "{code}");
    }
    let rules =
        fs::read_to_string(format!("{CRATES}/../deploy/prometheus/binding.rules.yml")).expect("there");
    let tests = fs::read_to_string(format!("{CRATES}/../deploy/prometheus/binding.test.yml")).expect("there");
    for alert in rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(page.contains(&format!("\n### {alert}\n")), "{alert}");
        let runbook = format!("binding-troubleshooting.md#{}", alert.to_lowercase());
        assert!(rules.contains(&runbook), "{alert}");
        assert!(tests.contains(&format!("alertname: {alert} }}")), "{alert} is never seen quiet");
        assert!(
            tests.contains(&format!("alertname: {alert}\n")) && tests.contains(&runbook),
            "{alert} is never seen to fire"
        );
    }
}

#[test]
fn every_metric_is_on_the_page_for_operators() {
    let page = page("binding-deployment.md");
    for (name, kind, _) in metrics::ALL {
        assert!(page.contains(&format!("| `{name}` | {kind} |")), "{name}");
    }
}
