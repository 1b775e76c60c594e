#ifndef LOCKSTEP_WORKER_TEXT_SHIM_LOCKSTEP_TEXT_H_
#define LOCKSTEP_WORKER_TEXT_SHIM_LOCKSTEP_TEXT_H_

/* The C surface of the Rust library in this folder; only the .cc files of
   worker/text include it.

   Functions that can fail return false and set *error to a message. What comes
   back by pointer is the caller's and has a function that frees it. A panic in
   Rust becomes an error. Handles never change after they are made: any number
   of threads may use one. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lockstep_tokenizer lockstep_tokenizer;
typedef struct lockstep_template lockstep_template;

/* Borrowed; need not end in NUL. */
typedef struct {
  const char* data;
  size_t size;
} lockstep_view;

/* Owned. */
typedef struct {
  char* data;
  size_t size;
} lockstep_text;

typedef struct {
  uint64_t begin;
  uint64_t end;
} lockstep_span;

typedef struct {
  uint32_t* ids;
  lockstep_span* offsets; /* In bytes. */
  size_t size;
} lockstep_encoding;

typedef struct {
  lockstep_text text;
  lockstep_span* generated;
  size_t generated_size;
} lockstep_rendered;

typedef struct {
  lockstep_text name;
  lockstep_text dtype;
  uint64_t* shape;
  size_t dims;
  lockstep_span data;
} lockstep_tensor;

typedef struct {
  lockstep_tensor* tensors;
  size_t size;
} lockstep_tensors;

void lockstep_text_free(lockstep_text text);

bool lockstep_tokenizer_from_json(lockstep_view json, lockstep_tokenizer** out,
                                  lockstep_text* error);
void lockstep_tokenizer_free(lockstep_tokenizer* tokenizer);
bool lockstep_tokenizer_encode(const lockstep_tokenizer* tokenizer,
                               lockstep_view text, bool add_special_tokens,
                               lockstep_encoding* out, lockstep_text* error);
void lockstep_encoding_free(lockstep_encoding encoding);
bool lockstep_tokenizer_decode(const lockstep_tokenizer* tokenizer,
                               const uint32_t* ids, size_t size,
                               bool skip_special_tokens, lockstep_text* out,
                               lockstep_text* error);
/* -1: not in the vocabulary. */
int64_t lockstep_tokenizer_token_to_id(const lockstep_tokenizer* tokenizer,
                                       lockstep_view token);
/* False: no such id. */
bool lockstep_tokenizer_id_to_token(const lockstep_tokenizer* tokenizer,
                                    uint32_t id, lockstep_text* out);
size_t lockstep_tokenizer_vocab_size(const lockstep_tokenizer* tokenizer);

/* A byte-level BPE tokenizer.json made from texts. */
bool lockstep_train_byte_level_bpe(const lockstep_view* texts, size_t size,
                                   uint64_t vocab_size,
                                   const lockstep_view* special_tokens,
                                   size_t special_tokens_size,
                                   lockstep_text* out, lockstep_text* error);

/* `marks_generation`: the source has a {% generation %} block. */
bool lockstep_template_compile(lockstep_view source, uint64_t fuel,
                               lockstep_template** out, bool* marks_generation,
                               lockstep_text* error);
void lockstep_template_free(lockstep_template* compiled);
/* `context`: a JSON object. `now`: seconds since 1970, shown as UTC. */
bool lockstep_template_render(const lockstep_template* compiled,
                              lockstep_view context, int64_t now,
                              lockstep_rendered* out, lockstep_text* error);
void lockstep_rendered_free(lockstep_rendered rendered);

bool lockstep_parse_safetensors_header(lockstep_view header,
                                       uint64_t data_bytes,
                                       lockstep_tensors* out,
                                       lockstep_text* error);
void lockstep_tensors_free(lockstep_tensors tensors);

#ifdef __cplusplus
}
#endif

#endif /* LOCKSTEP_WORKER_TEXT_SHIM_LOCKSTEP_TEXT_H_ */
