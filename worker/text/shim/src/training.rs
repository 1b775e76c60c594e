//! Training of a byte-level BPE tokenizer.

use tokenizers::models::bpe::{BpeTrainer, BPE};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, DecoderWrapper, NormalizerWrapper};
use tokenizers::{PostProcessorWrapper, PreTokenizerWrapper, TokenizerBuilder};

use crate::abi::{guard, slice, to_text, Result, Text, View};

/// Splits as GPT-2 does, without a space put in front.
fn byte_level() -> ByteLevel {
    ByteLevel::new(
        /*add_prefix_space=*/ false, /*trim_offsets=*/ true,
        /*use_regex=*/ true,
    )
}

fn train(
    texts: Vec<&str>,
    vocab_size: usize,
    special_tokens: Vec<&str>,
) -> Result<String> {
    let mut tokenizer = TokenizerBuilder::<
        BPE,
        NormalizerWrapper,
        PreTokenizerWrapper,
        PostProcessorWrapper,
        DecoderWrapper,
    >::default()
    .with_model(BPE::default())
    .with_pre_tokenizer(Some(byte_level().into()))
    .with_decoder(Some(byte_level().into()))
    .build()
    .map_err(to_text)?;

    let specials = special_tokens.iter();
    let mut trainer = BpeTrainer::builder()
        .show_progress(false)
        .vocab_size(vocab_size)
        .min_frequency(2)
        .special_tokens(
            specials.map(|t| AddedToken::from(*t, /*special=*/ true)).collect(),
        )
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build();
    tokenizer.train(&mut trainer, texts.into_iter()).map_err(to_text)?;
    tokenizer.to_string(/*pretty=*/ true).map_err(to_text)
}

unsafe fn strs<'a>(views: *const View, size: usize) -> Result<Vec<&'a str>> {
    slice(views, size).iter().map(|view| view.str()).collect()
}

#[no_mangle]
pub unsafe extern "C" fn lockstep_train_byte_level_bpe(
    texts: *const View,
    size: usize,
    vocab_size: u64,
    special_tokens: *const View,
    special_tokens_size: usize,
    out: *mut Text,
    error: *mut Text,
) -> bool {
    guard(error, || {
        let texts = strs(texts, size)?;
        let special_tokens = strs(special_tokens, special_tokens_size)?;
        out.write(train(texts, vocab_size as usize, special_tokens)?.into());
        Ok(())
    })
}
