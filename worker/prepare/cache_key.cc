#include "worker/prepare/cache_key.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "proto/contract/status_macros.h"
#include "proto/contract/version.h"
#include "worker/io/file.h"
#include "worker/io/sha256.h"
#include "worker/prepare/field.h"

namespace lockstep {
namespace {

// The settings that decide which tokens there are, in a fixed spelling (maps
// sorted by key).
std::string RelevantSettings(v1::DataSpec data) {
  data.clear_packing();
  data.clear_shuffle();
  if (!data.has_eval_fraction()) data.clear_shuffle_seed();
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  data.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

absl::Status AddFile(const std::string& field, const std::string& path,
                     Sha256& digest) {
  const absl::StatusOr<std::string> content = Sha256OfFile(path);
  if (!content.ok()) return InField(field, content.status());
  digest.UpdateField(*content);
  return absl::OkStatus();
}

absl::Status AddData(const v1::DataSpec& data, Sha256& digest) {
  for (int i = 0; i < data.train_size(); ++i) {
    RETURN_IF_ERROR(AddFile(absl::StrCat("data.train[", i, "].path"),
                            data.train(i).path(), digest));
  }
  if (!data.has_eval()) return absl::OkStatus();
  return AddFile("data.eval.path", data.eval().path(), digest);
}

}  // namespace

absl::StatusOr<std::string> CacheKey(const v1::JobSpec& spec,
                                     const ModelConfig& config,
                                     const TextInput& text) {
  Sha256 digest;
  // Another build may tokenise otherwise.
  digest.UpdateField(absl::StrCat("lockstep ", kVersion, BuildRevision()));
  digest.UpdateField(RelevantSettings(spec.data()));
  RETURN_IF_ERROR(AddData(spec.data(), digest));
  RETURN_IF_ERROR(AddFile(
      "model.path", JoinPath(spec.model().path(), "tokenizer.json"), digest));
  for (const auto& [name, token] : text.folder.special_tokens) {
    digest.UpdateField(name);
    digest.UpdateField(token);
  }
  digest.UpdateField(absl::StrCat("eos ", text.eos_id.value_or(-1),
                                  " vocabulary ", config.vocab_size));
  const std::string source = text.template_source.value_or("");
  digest.UpdateField(source);
  // Only then do the tokens depend on the day.
  if (absl::StrContains(source, "strftime_now")) {
    digest.UpdateField(absl::FormatTime(text.now, absl::UTCTimeZone()));
  }
  return digest.HexDigest();
}

}  // namespace lockstep
