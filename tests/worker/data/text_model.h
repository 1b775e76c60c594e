#ifndef LOCKSTEP_TESTS_WORKER_DATA_TEXT_MODEL_H_
#define LOCKSTEP_TESTS_WORKER_DATA_TEXT_MODEL_H_

// A model folder's tokenizer and template, and row tokenizers over them.

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "tests/worker/text/text_testing.h"
#include "worker/data/row_tokenizer.h"
#include "worker/text/tokenizer_folder.h"

namespace lockstep::testing {

class TextModel {
 public:
  // `source` replaces the folder's own template.
  explicit TextModel(const std::string& dir,
                     std::optional<std::string> source = std::nullopt) {
    auto folder = LoadTokenizerFolder(dir);
    EXPECT_THAT(folder, IsOk());
    folder_ = std::make_unique<TokenizerFolder>(*std::move(folder));
    if (!source.has_value()) source = folder_->chat_template;
    if (!source.has_value()) return;
    auto compiled = ChatTemplate::Compile(*source);
    EXPECT_THAT(compiled, IsOk());
    template_ = std::make_unique<ChatTemplate>(*std::move(compiled));
  }

  RowTokenizer Rows(v1::DataSpec::TrainOn train_on =
                        v1::DataSpec::TRAIN_ON_UNSPECIFIED) const {
    return RowTokenizer({&folder_->tokenizer, template_.get(),
                         folder_->special_tokens, folder_->eos_id, train_on,
                         absl::UnixEpoch()});
  }

  const Tokenizer& tokenizer() const { return folder_->tokenizer; }
  std::optional<int32_t> eos_id() const { return folder_->eos_id; }

  // The text of the tokens that are learned.
  std::string Learned(const Document& document) const {
    std::vector<int32_t> ids;
    for (size_t i = 0; i < document.ids.size(); ++i) {
      if (document.trained[i] != 0) ids.push_back(document.ids[i]);
    }
    const auto text = folder_->tokenizer.Decode(ids, false);
    EXPECT_THAT(text, IsOk());
    return text.ok() ? *text : "";
  }

  std::string Text(const Document& document) const {
    const auto text = folder_->tokenizer.Decode(document.ids, false);
    EXPECT_THAT(text, IsOk());
    return text.ok() ? *text : "";
  }

 private:
  std::unique_ptr<TokenizerFolder> folder_;
  std::unique_ptr<ChatTemplate> template_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_WORKER_DATA_TEXT_MODEL_H_
