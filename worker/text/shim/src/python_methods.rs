//! Methods of Python's str, list and dict that templates call and that
//! minijinja_contrib::pycompat lacks.

use minijinja::value::{from_args, Value, ValueKind};
use minijinja::{Error, ErrorKind, State};
use minijinja_contrib::pycompat;

/// For `Environment::set_unknown_method_callback`.
pub fn call(
    state: &mut State,
    value: &Value,
    method: &str,
    args: &[Value],
) -> Result<Value, Error> {
    let own = match value.kind() {
        ValueKind::String => {
            string_method(state, value.as_str().unwrap_or(""), method, args)
        }
        ValueKind::Seq => list_method(value, method, args),
        ValueKind::Map if method == "copy" => {
            from_args::<()>(args).map(|()| value.clone())
        }
        _ => Err(unknown()),
    };
    match own {
        Err(error) if error.kind() == ErrorKind::UnknownMethod => {
            pycompat::unknown_method_callback(state, value, method, args)
        }
        result => result,
    }
}

fn unknown() -> Error {
    Error::from(ErrorKind::UnknownMethod)
}

fn refuse(why: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, why.to_string())
}

fn string_method(
    state: &State,
    text: &str,
    method: &str,
    args: &[Value],
) -> Result<Value, Error> {
    match method {
        "format" => {
            // The engine's fuel does not see the width of a field.
            if has_wide_field(text) {
                return Err(refuse("format: a width above 999"));
            }
            Err(unknown())
        }
        "rsplit" => {
            let (separator, limit): (Option<&str>, Option<i64>) =
                from_args(args)?;
            Ok(rsplit(text, separator, limit))
        }
        "index" => {
            let (wanted,): (&str,) = from_args(args)?;
            let at = text
                .find(wanted)
                .ok_or_else(|| refuse("substring not found"))?;
            Ok(Value::from(text[..at].chars().count()))
        }
        "removeprefix" => {
            let (prefix,): (&str,) = from_args(args)?;
            Ok(Value::from(text.strip_prefix(prefix).unwrap_or(text)))
        }
        "removesuffix" => {
            let (suffix,): (&str,) = from_args(args)?;
            Ok(Value::from(text.strip_suffix(suffix).unwrap_or(text)))
        }
        "partition" => {
            let (separator,): (&str,) = from_args(args)?;
            Ok(partition(text, text.find(separator), separator, [0, 1, 2]))
        }
        "rpartition" => {
            let (separator,): (&str,) = from_args(args)?;
            Ok(partition(text, text.rfind(separator), separator, [2, 0, 1]))
        }
        "casefold" => {
            from_args::<()>(args).map(|()| text.to_lowercase().into())
        }
        "swapcase" => from_args::<()>(args).map(|()| swapcase(text).into()),
        "zfill" | "ljust" | "rjust" | "center" => {
            pad(state, text, method, args)
        }
        _ => Err(unknown()),
    }
}

fn has_wide_field(format: &str) -> bool {
    let mut digits = 0;
    format.bytes().any(|b| {
        digits = if b.is_ascii_digit() { digits + 1 } else { 0 };
        digits > 3
    })
}

fn rsplit(text: &str, separator: Option<&str>, limit: Option<i64>) -> Value {
    // Below 0 means no limit, in Python too.
    let pieces = match limit {
        Some(limit) if limit >= 0 => (limit as usize).saturating_add(1),
        _ => usize::MAX,
    };
    let mut parts: Vec<String> = match separator {
        Some(separator) => {
            text.rsplitn(pieces, separator).map(String::from).collect()
        }
        None => rsplit_space(text, pieces),
    };
    parts.reverse();
    Value::from(parts)
}

/// Last piece first.
fn rsplit_space(text: &str, pieces: usize) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = text.trim_end();
    while !rest.is_empty() {
        let cut = rest
            .rfind(char::is_whitespace)
            .filter(|_| parts.len() + 1 < pieces);
        let Some(cut) = cut else {
            parts.push(rest.to_string());
            break;
        };
        let word = rest[cut..].trim_start();
        parts.push(word.to_string());
        rest = rest[..cut].trim_end();
    }
    parts
}

/// `whole`: where the text goes when the separator is not in it, then the two
/// empty parts.
fn partition(
    text: &str,
    at: Option<usize>,
    separator: &str,
    whole: [usize; 3],
) -> Value {
    let mut parts = [""; 3];
    match at {
        Some(at) => {
            parts = [&text[..at], separator, &text[at + separator.len()..]]
        }
        None => parts[whole[0]] = text,
    }
    Value::from(parts.map(Value::from).to_vec())
}

fn swapcase(text: &str) -> String {
    let swap = |c: char| -> String {
        if c.is_uppercase() {
            c.to_lowercase().collect()
        } else {
            c.to_uppercase().collect()
        }
    };
    text.chars().map(swap).collect()
}

fn pad(
    state: &State,
    text: &str,
    method: &str,
    args: &[Value],
) -> Result<Value, Error> {
    let (width, fill): (i64, Option<&str>) = from_args(args)?;
    let missing = width - text.chars().count() as i64;
    if missing <= 0 {
        return Ok(Value::from(text));
    }
    let missing = missing as usize;
    state.consume_fuel(missing as u64 / 64)?;
    let fill = fill.unwrap_or(if method == "zfill" { "0" } else { " " });
    if fill.chars().count() != 1 {
        return Err(refuse("the fill must be one character"));
    }
    Ok(Value::from(match method {
        "ljust" => format!("{text}{}", fill.repeat(missing)),
        "rjust" => format!("{}{text}", fill.repeat(missing)),
        "zfill" => zfill(text, &fill.repeat(missing)),
        _ => {
            // CPython puts the odd one left when the width is odd too.
            let left = missing / 2 + (missing & width as usize & 1);
            format!(
                "{}{text}{}",
                fill.repeat(left),
                fill.repeat(missing - left)
            )
        }
    }))
}

/// Zeros go behind a sign.
fn zfill(text: &str, zeros: &str) -> String {
    match text.strip_prefix(['+', '-']) {
        Some(rest) => format!("{}{zeros}{rest}", &text[..1]),
        None => format!("{zeros}{text}"),
    }
}

fn list_method(
    list: &Value,
    method: &str,
    args: &[Value],
) -> Result<Value, Error> {
    match method {
        "copy" => from_args::<()>(args).map(|()| list.clone()),
        "index" => {
            let (wanted,): (Value,) = from_args(args)?;
            let at = list.try_iter()?.position(|item| item == wanted);
            at.map(Value::from)
                .ok_or_else(|| refuse("the item is not in the list"))
        }
        _ => Err(unknown()),
    }
}
