//! `tojson` as Transformers defines it: Python's json.dumps, without the HTML
//! escapes of Jinja's own.

use std::fmt::Write;

use minijinja::value::{Kwargs, Rest, Value, ValueKind};
use minijinja::{Error, ErrorKind, State};

use crate::python::float_repr;

const MAX_DEPTH: usize = 200;

/// tojson(x, ensure_ascii=False, indent=None, separators=None,
/// sort_keys=False)
pub fn tojson(
    state: &State,
    value: &Value,
    positional: Rest<Value>,
    named: Kwargs,
) -> Result<Value, Error> {
    let argument = |index: usize, name: &str| match positional.get(index) {
        Some(given) => Ok(given.clone()),
        None => named
            .get::<Option<Value>>(name)
            .map(|given| given.unwrap_or(Value::from(()))),
    };
    let ascii = argument(0, "ensure_ascii")?.is_true();
    let indent = indent_of(&argument(1, "indent")?);
    let separators = argument(2, "separators")?;
    let sort_keys = argument(3, "sort_keys")?.is_true();
    named.assert_all_used()?;

    let (item, key) = if given(&separators) {
        let part = |index| separators.get_item_by_index(index);
        (part(0)?.to_string(), part(1)?.to_string())
    } else if indent.is_some() {
        (",".to_string(), ": ".to_string())
    } else {
        (", ".to_string(), ": ".to_string())
    };
    let mut dump =
        Dump { state, ascii, indent, item, key, sort_keys, out: String::new() };
    dump.value(value, 0)?;
    Ok(Value::from(dump.out))
}

fn given(value: &Value) -> bool {
    !value.is_none() && !value.is_undefined()
}

fn indent_of(value: &Value) -> Option<String> {
    if !given(value) {
        return None;
    }
    Some(match value.as_str() {
        Some(text) => text.to_string(),
        None => " ".repeat(value.as_i64().unwrap_or(0).clamp(0, 64) as usize),
    })
}

struct Dump<'a> {
    state: &'a State<'a, 'a>,
    ascii: bool,
    indent: Option<String>,
    item: String,
    key: String,
    sort_keys: bool,
    out: String,
}

impl Dump<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            return Err(refuse("nests too deep".into()));
        }
        self.state.consume_fuel(1)?;
        match value.kind() {
            ValueKind::None => self.out.push_str("null"),
            ValueKind::Bool => self.out.push_str(if value.is_true() {
                "true"
            } else {
                "false"
            }),
            ValueKind::Number => self.number(value)?,
            ValueKind::String => {
                let text = value.as_str().unwrap_or_default();
                self.state.consume_fuel(text.len() as u64 / 64)?;
                self.string(text);
            }
            ValueKind::Seq | ValueKind::Iterable => self.list(value, depth)?,
            ValueKind::Map => self.map(value, depth)?,
            kind => {
                return Err(refuse(format!(
                    "Object of type {kind} is not JSON serializable"
                )))
            }
        }
        Ok(())
    }

    fn number(&mut self, value: &Value) -> Result<(), Error> {
        if value.is_integer() {
            self.out.push_str(&value.to_string());
            return Ok(());
        }
        let number = f64::try_from(value.clone())?;
        self.out.push_str(&match float_repr(number).as_str() {
            "nan" => "NaN".to_string(),
            "inf" => "Infinity".to_string(),
            "-inf" => "-Infinity".to_string(),
            finite => finite.to_string(),
        });
        Ok(())
    }

    fn list(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        let mut empty = true;
        self.out.push('[');
        for item in value.try_iter()? {
            self.next_item(empty, depth + 1);
            empty = false;
            self.value(&item, depth + 1)?;
        }
        if !empty {
            self.new_line(depth);
        }
        self.out.push(']');
        Ok(())
    }

    fn map(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        let mut keys: Vec<Value> = value.try_iter()?.collect();
        if self.sort_keys {
            keys.sort();
        }
        self.out.push('{');
        for (index, key) in keys.iter().enumerate() {
            self.next_item(index == 0, depth + 1);
            self.map_key(key, depth)?;
            self.out.push_str(&self.key);
            self.value(&value.get_item(key)?, depth + 1)?;
        }
        if !keys.is_empty() {
            self.new_line(depth);
        }
        self.out.push('}');
        Ok(())
    }

    /// Keys that are not strings are printed as values, in quotes.
    fn map_key(&mut self, key: &Value, depth: usize) -> Result<(), Error> {
        match key.kind() {
            ValueKind::String => self.string(key.as_str().unwrap_or_default()),
            ValueKind::Number | ValueKind::Bool | ValueKind::None => {
                self.out.push('"');
                self.value(key, depth)?;
                self.out.push('"');
            }
            kind => return Err(refuse(format!("keys must not be {kind}"))),
        }
        Ok(())
    }

    fn next_item(&mut self, first: bool, depth: usize) {
        if !first {
            self.out.push_str(&self.item);
        }
        self.new_line(depth);
    }

    fn new_line(&mut self, depth: usize) {
        if let Some(indent) = &self.indent {
            self.out.push('\n');
            for _ in 0..depth {
                self.out.push_str(indent);
            }
        }
    }

    fn string(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                c if c < ' ' || (self.ascii && c > '~') => self.escape(c),
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }

    fn escape(&mut self, c: char) {
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            let _ = write!(self.out, "\\u{unit:04x}");
        }
    }
}

fn refuse(why: String) -> Error {
    Error::new(ErrorKind::BadSerialization, format!("tojson: {why}"))
}
