//! What `lockstep_text.h` declares. Each module holds one idea and its C
//! functions; `abi` is how values and errors cross.

mod abi;
mod chat_template;
mod generation;
mod memory;
mod namespace;
mod python;
mod python_methods;
mod safetensors_header;
mod strftime;
mod tojson;
mod tokenizer;
mod training;
