//! Chat templates in the dialect that Transformers renders with.

use std::borrow::Cow;
use std::error::Error as _;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind};

use crate::abi::lockstep_text_free;
use crate::abi::{
    guard, leak, panic_text, reclaim, reclaim_box, to_text, Result, Span, Text,
    View,
};
use crate::{generation, namespace, python, python_methods, strftime, tojson};

/// In messages: "(in chat_template:12)".
const NAME: &str = "chat_template";
/// The parser recurses over a chain of operators: 64 KiB of "1+1+1..." fit.
const COMPILE_STACK_BYTES: usize = 128 << 20;
/// A context longer than this buys fuel: one for each 4 bytes.
const FREE_CONTEXT_BYTES: usize = 16 << 10;

pub struct ChatTemplate {
    environment: Environment<'static>,
    fuel: u64,
    marks_generation: bool,
}

impl ChatTemplate {
    fn compile(source: &str, fuel: u64) -> std::result::Result<Self, Error> {
        let (source, marks_generation) =
            generation::rewrite(&normalise_newlines(source));
        let mut environment = dialect()?;
        environment.set_fuel(Some(fuel));
        environment.add_template_owned(NAME, source)?;
        Ok(ChatTemplate { environment, fuel, marks_generation })
    }

    fn render(&self, context: &[u8]) -> Result<(String, Vec<Span>)> {
        let values: Value = serde_json::from_slice(context)
            .map_err(|e| format!("context: {e}"))?;
        if values.kind() != ValueKind::Map {
            return Err("context: not an object".into());
        }
        let environment = self.environment_for(context.len());
        let template = environment.get_template(NAME).map_err(describe)?;
        if !self.marks_generation {
            let text = template.render(values).map_err(describe)?;
            return Ok((text, Vec::new()));
        }
        let (text, spans) =
            template.render_with_spans(values).map_err(describe)?;
        let source = template.source();
        let generated = spans
            .iter()
            .filter(|s| {
                source.get(s.source_range()) == Some(generation::FILTER)
            })
            .map(|s| Span::new(s.output_range().start, s.output_range().end))
            .filter(|s| s.begin < s.end)
            .collect();
        Ok((text, generated))
    }

    fn environment_for(&self, bytes: usize) -> Cow<'_, Environment<'static>> {
        if bytes <= FREE_CONTEXT_BYTES {
            return Cow::Borrowed(&self.environment);
        }
        let mut environment = self.environment.clone();
        environment.set_fuel(Some(self.fuel + bytes as u64 / 4));
        Cow::Owned(environment)
    }
}

/// Jinja's lexer does so, whatever made the file.
fn normalise_newlines(source: &str) -> String {
    source.replace("\r\n", "\n").replace('\r', "\n")
}

fn dialect() -> std::result::Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()?,
    );
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_unknown_method_callback(python_methods::call);
    environment.set_formatter(|out, state, value| {
        if value.is_number() && !value.is_integer() {
            let number = f64::try_from(value.clone())?;
            return out
                .write_str(&python::float_repr(number))
                .map_err(Error::from);
        }
        namespace::check_depth(value)?;
        minijinja::escape_formatter(out, state, value)
    });
    environment.add_filter("tojson", tojson::tojson);
    environment.add_filter(generation::FILTER, |value: Value| value);
    // minijinja iterates over none as over an empty list; Python does not.
    environment.add_test("iterable", |value: &Value| {
        !value.is_none() && value.try_iter().is_ok()
    });
    environment.add_test("sequence", |value: &Value| {
        use ValueKind::{Map, Seq, String, Undefined};
        matches!(value.kind(), Seq | Map | String | Undefined)
    });
    environment.add_function(
        "raise_exception",
        |message: String| -> std::result::Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, message))
        },
    );
    environment.add_function("strftime_now", strftime::strftime_now);
    Ok(environment)
}

/// The error and what caused it.
fn describe(error: Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

fn compile_on_large_stack(source: &str, fuel: u64) -> Result<ChatTemplate> {
    std::thread::scope(|scope| {
        let compiler = std::thread::Builder::new()
            .stack_size(COMPILE_STACK_BYTES)
            .spawn_scoped(scope, || {
                ChatTemplate::compile(source, fuel).map_err(describe)
            })
            .map_err(to_text)?;
        compiler.join().unwrap_or_else(|panic| Err(panic_text(panic)))
    })
}

/// `lockstep_rendered`.
#[repr(C)]
pub struct CRendered {
    text: Text,
    generated: *mut Span,
    generated_size: usize,
}

#[no_mangle]
pub unsafe extern "C" fn lockstep_template_compile(
    source: View,
    fuel: u64,
    out: *mut *mut ChatTemplate,
    marks_generation: *mut bool,
    error: *mut Text,
) -> bool {
    guard(error, || {
        let template = compile_on_large_stack(source.str()?, fuel)?;
        marks_generation.write(template.marks_generation);
        out.write(Box::into_raw(Box::new(template)));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn lockstep_template_free(template: *mut ChatTemplate) {
    reclaim_box(template);
}

#[no_mangle]
pub unsafe extern "C" fn lockstep_template_render(
    template: *const ChatTemplate,
    context: View,
    now: i64,
    out: *mut CRendered,
    error: *mut Text,
) -> bool {
    guard(error, || {
        strftime::freeze(now);
        let (text, spans) = (*template).render(context.bytes())?;
        let (generated, generated_size) = leak(spans);
        out.write(CRendered { text: text.into(), generated, generated_size });
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn lockstep_rendered_free(rendered: CRendered) {
    lockstep_text_free(rendered.text);
    reclaim(rendered.generated, rendered.generated_size);
}
