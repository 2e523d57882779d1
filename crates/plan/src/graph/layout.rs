//! A layered layout (Sugiyama's method): layers by longest path, crossings reduced by barycentres, long edges led
//! through every layer that they cross. A step with sub-plans is a box around their layouts.

use std::{collections::BTreeMap, string::String, vec, vec::Vec};

use super::{lines, members, parts_of};
use crate::check::ExecutionDag;

pub(super) const LINE_HEIGHT: f64 = 15.0;
pub(super) const PADDING: f64 = 10.0;
const CHARACTER: f64 = 6.7;
const GAP_X: f64 = 28.0;
const GAP_Y: f64 = 44.0;
/// Above this many places, long edges are drawn straight.
const MAX_PLACES: usize = 20_000;
const SWEEPS: usize = 6;

/// A box with a place.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) node: usize,
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) lines: Vec<String>,
    pub(super) parts: Vec<Part>,
}

/// A sub-plan inside a box.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) name: &'static str,
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) picture: Picture,
}

/// A laid out block.
#[derive(Clone, Debug, Default)]
pub(super) struct Picture {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) boxes: Vec<Placed>,
    /// Points that each arrow goes through, downwards.
    pub(super) arrows: Vec<Vec<(f64, f64)>>,
}

/// Something in a layer: a box, or a point of a long edge.
struct Place {
    layer: usize,
    width: f64,
    x: f64,
}

/// Lays out one block and, inside its boxes, the sub-plans.
pub(super) fn block(dag: &ExecutionDag, inside: Option<(usize, &'static str)>) -> Picture {
    let nodes = members(dag, inside);
    if nodes.is_empty() {
        return Picture { width: 60.0, height: 20.0, ..Picture::default() };
    }
    let mut boxes: Vec<Placed> = nodes.iter().map(|&node| make_box(dag, node)).collect();
    let index: BTreeMap<usize, usize> = nodes.iter().enumerate().map(|(at, &node)| (node, at)).collect();
    let edges: Vec<(usize, usize)> =
        dag.edges.iter().filter_map(|(from, to)| Some((*index.get(from)?, *index.get(to)?))).collect();

    // Execution order is topological, so one pass finds the longest paths.
    let mut layer = vec![0usize; boxes.len()];
    let mut by_source: Vec<Vec<usize>> = vec![Vec::new(); boxes.len()];
    for &(from, to) in &edges {
        by_source[from].push(to);
    }
    for from in 0..boxes.len() {
        for &to in &by_source[from] {
            layer[to] = layer[to].max(layer[from] + 1);
        }
    }
    let mut places: Vec<Place> =
        boxes.iter().zip(&layer).map(|(each, &layer)| Place { layer, width: each.width, x: 0.0 }).collect();
    let spans: usize = edges.iter().map(|&(from, to)| layer[to] - layer[from]).sum();
    let chains: Vec<Vec<usize>> = edges
        .iter()
        .map(|&(from, to)| {
            let mut chain = vec![from];
            if spans <= MAX_PLACES {
                for between in layer[from] + 1..layer[to] {
                    chain.push(places.len());
                    places.push(Place { layer: between, width: 12.0, x: 0.0 });
                }
            }
            chain.push(to);
            chain
        })
        .collect();
    let layers = arrange(&mut places, &chains);

    let mut top = Vec::with_capacity(layers.len());
    let mut heights = Vec::with_capacity(layers.len());
    let mut y = 0.0;
    for layer in &layers {
        let height = layer.iter().filter_map(|&at| boxes.get(at)).map(|each| each.height).fold(0.0, f64::max);
        top.push(y);
        heights.push(height);
        y += height + GAP_Y;
    }
    for (at, each) in boxes.iter_mut().enumerate() {
        each.x = places[at].x;
        each.y = top[layer[at]];
    }
    let arrows = chains
        .iter()
        .map(|chain| {
            let mut points = Vec::new();
            for (step, &at) in chain.iter().enumerate() {
                let Place { layer, width, x } = places[at];
                let center = x + width / 2.0;
                let bottom = boxes.get(at).map_or(top[layer] + heights[layer], |each| each.y + each.height);
                match step {
                    0 => points.push((center, bottom)),
                    _ if step + 1 == chain.len() => points.push((center, top[layer])),
                    _ => points.extend([(center, top[layer]), (center, top[layer] + heights[layer])]),
                }
            }
            points
        })
        .collect();
    let width = places.iter().map(|place| place.x + place.width).fold(0.0, f64::max);
    Picture { width, height: y - GAP_Y, boxes, arrows }
}

/// Orders each layer to cross few edges, and gives every place its `x`.
fn arrange(places: &mut [Place], chains: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let count = places.iter().map(|place| place.layer + 1).max().unwrap_or(0);
    let mut layers: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (at, place) in places.iter().enumerate() {
        layers[place.layer].push(at);
    }
    let mut above: Vec<Vec<usize>> = vec![Vec::new(); places.len()];
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); places.len()];
    for pair in chains.iter().flat_map(|chain| chain.windows(2)) {
        above[pair[1]].push(pair[0]);
        below[pair[0]].push(pair[1]);
    }
    pack(places, &layers);
    for sweep in 0..SWEEPS {
        let down = sweep % 2 == 0;
        let neighbours = if down { &above } else { &below };
        let order: Vec<usize> = if down { (0..count).collect() } else { (0..count).rev().collect() };
        for layer in order {
            let wish = |at: usize| {
                let near = &neighbours[at];
                let own = places[at].x + places[at].width / 2.0;
                if near.is_empty() {
                    return own;
                }
                near.iter().map(|&other| places[other].x + places[other].width / 2.0).sum::<f64>()
                    / near.len() as f64
            };
            let mut wishes: Vec<(f64, usize)> = layers[layer].iter().map(|&at| (wish(at), at)).collect();
            wishes.sort_by(|a, b| a.0.total_cmp(&b.0));
            layers[layer] = wishes.iter().map(|&(_, at)| at).collect();
            place_layer(places, &wishes);
        }
    }
    let left = places.iter().map(|place| place.x).fold(f64::INFINITY, f64::min);
    for place in places.iter_mut() {
        place.x -= left;
    }
    layers
}

fn pack(places: &mut [Place], layers: &[Vec<usize>]) {
    for layer in layers {
        let mut x = 0.0;
        for &at in layer {
            places[at].x = x;
            x += places[at].width + GAP_X;
        }
    }
}

/// Puts the places of a layer as near to their wishes as their widths allow: neighbours that would overlap move as
/// one group around the mean of their wishes.
fn place_layer(places: &mut [Place], wishes: &[(f64, usize)]) {
    /// Places that touch: how far each is from the group's left end, and where the group wants to be.
    struct Group {
        start: usize,
        width: f64,
        wish: f64,
        count: f64,
    }
    let mut groups: Vec<Group> = Vec::new();
    for (position, &(wish, at)) in wishes.iter().enumerate() {
        let width = places[at].width + GAP_X;
        let mut group = Group { start: position, width, wish: wish - places[at].width / 2.0, count: 1.0 };
        while let Some(last) = groups.last() {
            if last.wish + last.width <= group.wish {
                break;
            }
            // Both ends want the group's left end somewhere; it goes to the mean.
            let count = last.count + group.count;
            let wish = (last.wish * last.count + (group.wish - last.width) * group.count) / count;
            group = Group { start: last.start, width: last.width + group.width, wish, count };
            groups.pop();
        }
        groups.push(group);
    }
    for (at, group) in groups.iter().enumerate() {
        let end = groups.get(at + 1).map_or(wishes.len(), |next| next.start);
        let mut x = group.wish;
        for &(_, place) in &wishes[group.start..end] {
            places[place].x = x;
            x += places[place].width + GAP_X;
        }
    }
}

fn make_box(dag: &ExecutionDag, node: usize) -> Placed {
    let lines = lines(&dag.nodes[node]);
    let text = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0) as f64;
    let mut width = text * CHARACTER + 2.0 * PADDING;
    let mut height = lines.len() as f64 * LINE_HEIGHT + 2.0 * PADDING;
    let mut parts = Vec::new();
    let mut x = PADDING;
    let mut tallest: f64 = 0.0;
    for &name in parts_of(&dag.nodes[node]) {
        let picture = block(dag, Some((node, name)));
        let (part_width, part_height) =
            (picture.width + 2.0 * PADDING, picture.height + LINE_HEIGHT + 2.0 * PADDING);
        parts.push(Part { name, x, y: height, picture });
        x += part_width + PADDING;
        tallest = tallest.max(part_height);
    }
    if !parts.is_empty() {
        width = width.max(x);
        height += tallest + PADDING;
    }
    Placed { node, x: 0.0, y: 0.0, width, height, lines, parts }
}
