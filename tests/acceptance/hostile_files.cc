#include "tests/acceptance/hostile_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/integration/process.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;

constexpr char kMessages[] =
    "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}, "
    "{\"role\": \"assistant\", \"content\": \"yes\"}]}\n";

std::string Repeat(const std::string& text, int times) {
  std::string all;
  all.reserve(text.size() * times);
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

// The eight bytes that a safetensors file begins with.
std::string Length(uint64_t bytes) {
  std::string text(sizeof(bytes), '\0');
  std::memcpy(text.data(), &bytes, sizeof(bytes));
  return text;
}

// A weights file of this header and so many bytes of data, and what is said of
// it.
Attack Weights(const std::string& name, const std::string& header,
               size_t data_bytes, const std::string& why) {
  return {name,
          [=](HostileJob& job) {
            WriteFile(
                job.InModel("model.safetensors"),
                Length(header.size()) + header + std::string(data_bytes, '\0'));
          },
          {"model.path: ", "model.safetensors", why}};
}

Attack File(const std::string& name, const std::string& file,
            const std::string& content, const std::string& why = "") {
  return {name,
          [=](HostileJob& job) { WriteFile(job.InModel(file), content); },
          {"model.path: ", file, why}};
}

std::string Tensor(const char* shape, const char* offsets,
                   const char* dtype = "F32") {
  return absl::StrCat("{\"dtype\":\"", dtype, "\",\"shape\":", shape,
                      ",\"data_offsets\":", offsets, "}");
}

Attack Edit(const std::string& name, const std::string& file,
            const std::string& from, const std::string& to,
            std::vector<std::string> parts,
            const std::string& reason = "INVALID_INPUT") {
  return {
      name,
      [=](HostileJob& job) {
        const std::string before = ReadFile(job.InModel(file));
        WriteFile(job.InModel(file), absl::StrReplaceAll(before, {{from, to}}));
      },
      std::move(parts), reason};
}

Attack Template(const std::string& name, const std::string& source,
                std::vector<std::string> parts = {"train.jsonl:1"}) {
  return {name,
          [=](HostileJob& job) {
            WriteFile(job.data, kMessages);
            job.chat_template = source;
          },
          std::move(parts)};
}

Attack Data(const std::string& name, const std::string& content,
            std::vector<std::string> parts) {
  return {name, [=](HostileJob& job) { WriteFile(job.data, content); },
          std::move(parts)};
}

}  // namespace

std::vector<Attack> WeightAttacks() {
  const std::string good = Tensor("[1]", "[0,4]");
  return {
      File("header_longer_than_the_file", "model.safetensors",
           Length(65535) + "{}",
           "is 65535 bytes long, but the file has 2 left"),
      File("header_of_all_memory", "model.safetensors",
           Length(~uint64_t{0}) + "{}",
           "18446744073709551615 bytes long, but the file has 2"),
      File("no_length", "model.safetensors", "{}", "is 2 bytes long"),
      File("empty", "model.safetensors", "", "is 0 bytes long"),
      {"header_above_the_limit",
       [](HostileJob& job) {
         const std::string file = job.InModel("model.safetensors");
         WriteFile(file, Length(uint64_t{1} << 30) + "{");
         fs::resize_file(file, int64_t{2} << 30);  // Sparse.
       },
       {"model.safetensors", "16777216"}},
      Weights("not_utf8", "{\"\xff\xfe\":" + good + "}", 4,
              "not UTF-8 at byte 2"),
      Weights("not_json", "{\"w\":", 0, "EOF while parsing"),
      Weights("deep", Repeat("[", 1 << 20), 0, "does not begin with {"),
      Weights("deep_inside", "{\"w\":{\"x\":" + Repeat("[", 1 << 20), 0,
              "EOF while parsing a list"),
      Weights("not_an_object", "[1]", 0, "does not begin with {"),
      Weights("not_at_the_first_byte", "  {\"w\":" + good + "}", 4,
              "does not begin with {"),
      Weights("key_twice", "{\"w\":" + good + ",\"w\":" + good + "}", 4,
              "w comes twice"),
      Weights("offsets_negative", "{\"w\":" + Tensor("[1]", "[-4,0]") + "}", 4,
              "integer `-4`"),
      Weights("offsets_past_the_end", "{\"w\":" + Tensor("[9]", "[0,36]") + "}",
              4, "describes 36 bytes of data, the file has 4"),
      Weights("offsets_overlap",
              "{\"a\":" + Tensor("[2]", "[0,8]") +
                  ",\"b\":" + Tensor("[2]", "[4,12]") + "}",
              12, "offset"),
      Weights("offsets_with_a_hole",
              "{\"a\":" + good + ",\"b\":" + Tensor("[1]", "[8,12]") + "}", 12,
              "offset"),
      Weights("offsets_backwards", "{\"w\":" + Tensor("[1]", "[4,0]") + "}", 4,
              "[4, 0] run backwards"),
      Weights("bytes_that_nothing_covers", "{\"w\":" + good + "}", 4096,
              "describes 4 bytes of data, the file has 4096"),
      Weights("shape_against_bytes", "{\"w\":" + Tensor("[2]", "[0,4]") + "}",
              4, "F32 [2] takes 8 bytes"),
      Weights("shape_negative", "{\"w\":" + Tensor("[-1]", "[0,4]") + "}", 4,
              "integer `-1`"),
      Weights("shape_that_overflows",
              "{\"w\":" + Tensor("[4294967296,4294967296,4]", "[0,0]") + "}", 0,
              "is too large"),
      Weights("dtype_of_half_a_byte",
              "{\"w\":" + Tensor("[3]", "[0,2]", "F4") + "}", 2,
              "F4 [3] takes 2 bytes"),
      Weights("dtype_unknown", "{\"w\":" + Tensor("[1]", "[0,4]", "X9") + "}",
              4, "unknown variant `X9`"),
      Weights("dtype_of_another_type",
              "{\"w\":{\"dtype\":7,\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
              "w: expected value at line 1 column 15"),
      Weights("metadata_not_strings", "{\"__metadata__\":{\"a\":{}}}", 0,
              "__metadata__: invalid type: map"),
      Edit("integers_for_weights", "model.safetensors", "\"F32\"", "\"I32\"",
           {"model.safetensors", "I32"}),
      {"pickle_only",
       [](HostileJob& job) {
         fs::rename(job.InModel("model.safetensors"),
                    job.InModel("pytorch_model.bin"));
       },
       {"model.path: ", "pytorch_model.bin", "pickle"}},
      {"fifo",
       [](HostileJob& job) {
         fs::remove(job.InModel("model.safetensors"));
         mkfifo(job.InModel("model.safetensors").c_str(), 0600);
       },
       {"model.safetensors", "regular file"}},
      {"index_that_leaves_the_folder",
       [](HostileJob& job) {
         fs::remove(job.InModel("model.safetensors"));
         WriteFile(job.InModel("model.safetensors.index.json"),
                   "{\"weight_map\": {\"w\": \"../../etc/passwd\"}}");
       },
       {"index.json", "../../etc/passwd"}},
      {"index_that_is_deep",
       [](HostileJob& job) {
         fs::remove(job.InModel("model.safetensors"));
         WriteFile(job.InModel("model.safetensors.index.json"),
                   Repeat("{\"weight_map\":", 500'000));
       },
       {"index.json"}},
  };
}

std::vector<Attack> TokenizerAttacks() {
  const std::string file = "tokenizer.json";
  const auto model = [](const std::string& text) {
    return absl::StrCat("{\"version\":\"1.0\",\"model\":", text, "}");
  };
  return {
      File("not_json", file, "{"),
      File("deep", file, Repeat("[", 1 << 20)),
      File("deep_inside", file, "{\"model\":" + Repeat("{\"model\":", 1 << 18)),
      File("without_a_model", file, "{\"version\":\"1.0\"}"),
      File("without_a_vocabulary", file,
           model("{\"type\":\"BPE\",\"merges\":[]}")),
      File("merge_of_no_token", file,
           model("{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a "
                 "b\"]}")),
      File("merges_in_a_circle", file,
           model("{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"aa\":1},\"merges\":["
                 "\"a a\",\"aa a\",\"a aa\"]}")),
      File("id_beyond_all", file,
           model("{\"type\":\"BPE\",\"vocab\":{\"a\":99999999999},\"merges\":"
                 "[]}")),
      File("regular_expression_that_is_none", file,
           "{\"version\":\"1.0\",\"pre_tokenizer\":{\"type\":\"Split\","
           "\"pattern\":{\"Regex\":\"(\"},\"behavior\":\"Isolated\",\"invert\":"
           "false},\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[]}}"),
      {"normalizer_that_grows",
       [](HostileJob& job) {
         WriteFile(
             job.InModel("tokenizer.json"),
             absl::StrCat(
                 "{\"version\":\"1.0\",\"normalizer\":{\"type\":\"Sequence\","
                 "\"normalizers\":[",
                 Repeat("{\"type\":\"Replace\",\"pattern\":{\"String\":\"o\"},"
                        "\"content\":\"oooooooooooooooo\"},",
                        12),
                 "{\"type\":\"NFC\"}]},\"model\":{\"type\":\"BPE\",\"vocab\":{"
                 "\"o\":0},\"merges\":[]}}"));
       },
       {"train.jsonl:1"},
       "HOST_OUT_OF_MEMORY"},
  };
}

std::vector<Attack> TemplateAttacks() {
  return {
      Template("loop_without_end",
               "{% for i in range(100000) %}{% for j in range(100000) %}x"
               "{% endfor %}{% endfor %}"),
      Template("macro_that_calls_itself",
               "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}"),
      Template("text_that_doubles",
               "{% set ns = namespace(s='xxxxxxxxxxxxxxxx') %}"
               "{% for i in range(64) %}{% set ns.s = ns.s ~ ns.s %}"
               "{% endfor %}{{ ns.s }}"),
      Template("text_that_repeats", "{{ 'x' * 999999999 }}"),
      Template("list_that_holds_itself",
               "{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}"),
      Template("deep", Repeat("{% if true %}", 4000),
               {"model.chat_template: "}),
      {"source_above_the_limit",
       [](HostileJob& job) {
         WriteFile(job.InModel("chat_template.jinja"), std::string(65537, 'x'));
         WriteFile(job.data, kMessages);
       },
       {"data.train[0]", "chat template", "65536"}},
      Template("attribute_of_python",
               "{{ ''.__class__.__mro__[1].__subclasses__() }}"),
      Template("file_of_the_host", "{% include '/etc/passwd' %}",
               {"model.chat_template: ", "include"}),
  };
}

std::vector<Attack> DataAttacks() {
  const std::string good = "{\"text\": \"fine\"}\n";
  return {
      {"line_of_100_megabytes",
       [good](HostileJob& job) {
         WriteFile(job.data, good + "{\"text\": \"" +
                                 std::string(100 << 20, 'x') + "\"}\n");
       },
       {"train.jsonl:2", "longer than 8388608 bytes"}},
      Data("line_without_end", good + std::string(20 << 20, '['),
           {"train.jsonl:2"}),
      Data("deep", good + Repeat("{\"a\":", 100'000) + "1\n",
           {"train.jsonl:2", "deeper than 64"}),
      Data("text_above_the_limit",
           "{\"text\": \"" + std::string(2 << 20, ' ') + "\"}\n",
           {"train.jsonl:1", "1048576"}),
      Data("not_utf8", good + "{\"text\": \"\xff\xfe\"}\n", {"train.jsonl:2"}),
      Data("half_a_surrogate", good + "{\"text\": \"\\ud800\"}\n",
           {"train.jsonl:2"}),
      Data("number_beyond_all",
           good + "{\"text\": 1" + std::string(1 << 20, '0') + "}\n",
           {"train.jsonl:2"}),
      Data("torn", good + "{\"text\": \"to", {"train.jsonl:2"}),
      Data("zero_bytes", std::string(1 << 20, '\0'), {"train.jsonl:1"}),
      Data("only_a_byte_order_mark", "\xef\xbb\xbf", {"train.jsonl"}),
      {"device",
       [](HostileJob& job) { job.data = "/dev/zero"; },
       {"/dev/zero", "regular file"}},
      {"folder",
       [](HostileJob& job) { job.data = job.model; },
       {"data.train[0]", "regular file"}},
      {"fifo",
       [](HostileJob& job) {
         fs::remove(job.data);
         mkfifo(job.data.c_str(), 0600);
       },
       {"train.jsonl", "regular file"}},
  };
}

std::vector<Attack> ConfigAttacks() {
  const std::string file = "config.json";
  return {
      File("not_json", file, "{"),
      File("deep", file, Repeat("[", 1'000'000)),
      File("above_the_limit", file, std::string(2 << 20, ' ')),
      Edit("layers_without_end", file, "\"num_hidden_layers\": 2",
           "\"num_hidden_layers\": 16777216",
           {"config.json", "num_hidden_layers", "16777216"}),
      Edit("negative_size", file, "\"hidden_size\": 64", "\"hidden_size\": -64",
           {"config.json", "hidden_size", "-64"}),
      File("tokenizer_config_that_is_deep", "tokenizer_config.json",
           Repeat("[", 4'000'000)),
      File("special_tokens_that_are_a_list", "special_tokens_map.json", "[1]"),
  };
}

std::string DamageOneFile(const HostileJob& job, uint64_t seed) {
  std::mt19937_64 random(seed);
  const std::string files[] = {job.InModel("model.safetensors"),
                               job.InModel("tokenizer.json"),
                               job.InModel("config.json"),
                               job.InModel("tokenizer_config.json"), job.data};
  const std::string& path = files[random() % std::size(files)];
  std::string content = ReadFile(path);
  // The header is where the structure is; numbers may have any value.
  const size_t reach = std::min<size_t>(content.size(), 4096);
  const size_t at = random() % reach;
  switch (random() % 4) {
    case 0:
      content.resize(at);
      break;
    case 1:
      for (int i = 0; i < 8; ++i) {
        content[random() % reach] = static_cast<char>(random());
      }
      break;
    case 2:
      content.insert(at, content.substr(at / 2, 200));
      break;
    default:
      content.erase(at, 1 + random() % 100);
  }
  WriteFile(path, content);
  return fs::path(path).filename().string();
}

}  // namespace lockstep::testing
