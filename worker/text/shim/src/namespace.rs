//! A namespace can be made to contain itself, and printing it would then
//! recurse until the stack ends, whatever the fuel.

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind};

const MAX_DEPTH: usize = 100;

/// Fails if `value` nests deeper than anything that came from JSON.
pub fn check_depth(value: &Value) -> Result<(), Error> {
    if nests_below(value, MAX_DEPTH) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidOperation,
        format!("a value nests deeper than {MAX_DEPTH}"),
    ))
}

fn nests_below(value: &Value, depth: usize) -> bool {
    let items = match value.kind() {
        ValueKind::Seq | ValueKind::Map => value.try_iter(),
        _ => return true,
    };
    let Ok(mut items) = items else { return true };
    depth > 0
        && items.all(|item| match value.kind() {
            ValueKind::Map => value
                .get_item(&item)
                .map_or(true, |inner| nests_below(&inner, depth - 1)),
            _ => nests_below(&item, depth - 1),
        })
}
