//! Tokenizers: load, encode, decode.

use tokenizers::{Encoding, Tokenizer};

use crate::abi::{
    guard, leak, reclaim, reclaim_box, slice, to_text, Result, Span, Text, View,
};

/// `lockstep_encoding`.
#[repr(C)]
pub struct CEncoding {
    ids: *mut u32,
    offsets: *mut Span,
    size: usize,
}

impl From<Encoding> for CEncoding {
    fn from(encoding: Encoding) -> Self {
        let spans = encoding.get_offsets().iter();
        let (offsets, _) = leak(spans.map(|o| Span::new(o.0, o.1)).collect());
        let (ids, size) = leak(encoding.get_ids().to_vec());
        CEncoding { ids, offsets, size }
    }
}

fn load(json: &[u8]) -> Result<Tokenizer> {
    let mut tokenizer = Tokenizer::from_bytes(json).map_err(to_text)?;
    tokenizer.with_truncation(None).map_err(to_text)?;
    tokenizer.with_padding(None);
    Ok(tokenizer)
}

#[no_mangle]
pub unsafe extern "C" fn lockstep_tokenizer_from_json(
    json: View,
    out: *mut *mut Tokenizer,
    error: *mut Text,
) -> bool {
    guard(error, || {
        out.write(Box::into_raw(Box::new(load(json.bytes())?)));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn lockstep_tokenizer_free(tokenizer: *mut Tokenizer) {
    reclaim_box(tokenizer);
}

#[no_mangle]
pub unsafe extern "C" fn lockstep_tokenizer_encode(
    tokenizer: *const Tokenizer,
    text: View,
    add_special_tokens: bool,
    out: *mut CEncoding,
    error: *mut Text,
) -> bool {
    guard(error, || {
        let encoding = (*tokenizer)
            .encode(text.str()?, add_special_tokens)
            .map_err(to_text)?;
        out.write(encoding.into());
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn lockstep_encoding_free(encoding: CEncoding) {
    reclaim(encoding.ids, encoding.size);
    reclaim(encoding.offsets, encoding.size);
}

#[no_mangle]
pub unsafe extern "C" fn lockstep_tokenizer_decode(
    tokenizer: *const Tokenizer,
    ids: *const u32,
    size: usize,
    skip_special_tokens: bool,
    out: *mut Text,
    error: *mut Text,
) -> bool {
    guard(error, || {
        let text = (*tokenizer)
            .decode(slice(ids, size), skip_special_tokens)
            .map_err(to_text)?;
        out.write(text.into());
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn lockstep_tokenizer_token_to_id(
    tokenizer: *const Tokenizer,
    token: View,
) -> i64 {
    let mut id = -1;
    guard(std::ptr::null_mut(), || {
        id = (*tokenizer).token_to_id(token.str()?).map_or(-1, i64::from);
        Ok(())
    });
    id
}

#[no_mangle]
pub unsafe extern "C" fn lockstep_tokenizer_id_to_token(
    tokenizer: *const Tokenizer,
    id: u32,
    out: *mut Text,
) -> bool {
    guard(std::ptr::null_mut(), || {
        out.write((*tokenizer).id_to_token(id).ok_or("no such id")?.into());
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn lockstep_tokenizer_vocab_size(
    tokenizer: *const Tokenizer,
) -> usize {
    (*tokenizer).get_vocab_size(/*with_added_tokens=*/ true)
}
