//! The header of a safetensors file, checked by the format's own crate and by
//! what that leaves out: keys that come twice, a first byte other than `{`,
//! and the name of the tensor that is wrong.

use std::collections::{HashMap, HashSet};
use std::fmt;

use safetensors::tensor::{Metadata, TensorInfo};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use crate::abi::lockstep_text_free;
use crate::abi::{guard, leak, reclaim, to_text, Result, Span, Text, View};

const MAX_HEADER_BYTES: usize = 16 << 20;

/// `lockstep_tensor`.
#[repr(C)]
pub struct CTensor {
    name: Text,
    dtype: Text,
    shape: *mut u64,
    dims: usize,
    data: Span,
}

/// `lockstep_tensors`.
#[repr(C)]
pub struct CTensors {
    tensors: *mut CTensor,
    size: usize,
}

/// The JSON object as it stands.
struct Header {
    metadata: Option<HashMap<String, String>>,
    tensors: Vec<(String, TensorInfo)>,
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(
        self,
        mut map: A,
    ) -> std::result::Result<Header, A::Error> {
        let mut header = Header { metadata: None, tensors: Vec::new() };
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            let named = |e: A::Error| Error::custom(format!("{key}: {e}"));
            if !seen.insert(key.clone()) {
                return Err(Error::custom(format!("{key} comes twice")));
            }
            if key == "__metadata__" {
                header.metadata = map.next_value().map_err(named)?;
            } else {
                let info = map.next_value().map_err(named)?;
                header.tensors.push((key, info));
            }
        }
        Ok(header)
    }
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

/// Offsets are the crate's to check; it does not say whose bytes are wrong.
fn check_bytes(name: &str, info: &TensorInfo) -> Result<()> {
    let (begin, end) = info.data_offsets;
    let bits = info
        .shape
        .iter()
        .try_fold(info.dtype.bitsize(), |n, size| n.checked_mul(*size))
        .ok_or_else(|| {
            format!("tensor {name}: shape {:?} is too large", info.shape)
        })?;
    let bytes = end.checked_sub(begin).ok_or_else(|| {
        format!("tensor {name}: data_offsets [{begin}, {end}] run backwards")
    })?;
    if bits % 8 != 0 || bits / 8 != bytes {
        return Err(format!(
            "tensor {name}: {} {:?} takes {} bytes, data_offsets \
             [{begin}, {end}] hold {bytes}",
            info.dtype,
            info.shape,
            bits.div_ceil(8)
        ));
    }
    Ok(())
}

fn parse(header: View, data_bytes: u64) -> Result<Vec<CTensor>> {
    // Safety: the caller keeps the view alive.
    let text = unsafe { header.str() }.map_err(|e| format!("header {e}"))?;
    if text.len() > MAX_HEADER_BYTES {
        return Err(format!(
            "header is {} bytes long; at most {MAX_HEADER_BYTES} are read",
            text.len()
        ));
    }
    if !text.starts_with('{') {
        return Err("header does not begin with {".into());
    }
    let mut header: Header =
        serde_json::from_str(text).map_err(|e| format!("header: {e}"))?;
    for (name, info) in &header.tensors {
        check_bytes(name, info)?;
    }
    header.tensors.sort_by_key(|tensor| tensor.1.data_offsets);
    let metadata =
        Metadata::new(header.metadata, header.tensors).map_err(to_text)?;
    if metadata.data_len() as u64 != data_bytes {
        return Err(format!(
            "header describes {} bytes of data, the file has {data_bytes}",
            metadata.data_len()
        ));
    }
    let names = metadata.offset_keys().into_iter();
    Ok(names.map(|name| to_c(&metadata, name)).collect())
}

fn to_c(metadata: &Metadata, name: String) -> CTensor {
    let info = metadata.info(&name).expect("the name came from the metadata");
    let sizes = info.shape.iter().map(|size| *size as u64);
    let (shape, dims) = leak(sizes.collect());
    CTensor {
        name: name.into(),
        dtype: info.dtype.to_string().into(),
        shape,
        dims,
        data: Span::new(info.data_offsets.0, info.data_offsets.1),
    }
}

#[no_mangle]
pub unsafe extern "C" fn lockstep_parse_safetensors_header(
    header: View,
    data_bytes: u64,
    out: *mut CTensors,
    error: *mut Text,
) -> bool {
    guard(error, || {
        let (tensors, size) = leak(parse(header, data_bytes)?);
        out.write(CTensors { tensors, size });
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn lockstep_tensors_free(tensors: CTensors) {
    if tensors.tensors.is_null() {
        return;
    }
    let all = std::ptr::slice_from_raw_parts_mut(tensors.tensors, tensors.size);
    for tensor in Box::from_raw(all).into_vec() {
        lockstep_text_free(tensor.name);
        lockstep_text_free(tensor.dtype);
        reclaim(tensor.shape, tensor.dims);
    }
}
