// Real chat templates against Jinja2 set up as Transformers does it.

#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/worker/text/text_testing.h"
#include "worker/text/chat_template.h"

namespace lockstep {
namespace {

using testing::IsOk;
using testing::ReadFile;
using testing::ReadJson;
using testing::TestDataDir;

using Json = nlohmann::ordered_json;

struct Tally {
  int rendered = 0;
  int exact = 0;
  int with_spans = 0;
  int exact_spans = 0;
  // Renderings that Jinja2 refuses and we make.
  int lenient = 0;
  std::set<std::string> different;
};

absl::Time FrozenNow() {
  return absl::FromCivil(absl::CivilSecond(2025, 1, 15, 10, 30, 0),
                         absl::UTCTimeZone());
}

std::string Context(const Json& golden, const Json& conversation) {
  Json context = conversation;
  for (const char* key : {"tools", "documents"}) {
    if (!context.contains(key)) context[key] = nullptr;
  }
  if (!context.contains("add_generation_prompt")) {
    context["add_generation_prompt"] = false;
  }
  context["bos_token"] = golden["bos_token"];
  context["eos_token"] = golden["eos_token"];
  return context.dump();
}

// Goldens count characters, we count bytes.
int64_t CharacterAt(const std::string& text, int64_t byte) {
  int64_t characters = 0;
  for (int64_t i = 0; i < byte; ++i) {
    characters += (static_cast<unsigned char>(text[i]) & 0xc0) != 0x80 ? 1 : 0;
  }
  return characters;
}

Json SpansInCharacters(const RenderedChat& rendered) {
  Json spans = Json::array();
  for (const ByteSpan& span : rendered.generated) {
    spans.push_back({CharacterAt(rendered.text, span.begin),
                     CharacterAt(rendered.text, span.end)});
  }
  return spans;
}

// We do not report blocks that made nothing.
Json NotEmpty(const Json& spans) {
  Json kept = Json::array();
  for (const Json& span : spans) {
    if (span[0] != span[1]) kept.push_back(span);
  }
  return kept;
}

void Compare(const std::string& name, const Json& golden,
             const absl::StatusOr<RenderedChat>& rendered, Tally& tally) {
  if (!golden.contains("text")) {
    tally.lenient += rendered.ok() ? 1 : 0;
    return;
  }
  ++tally.rendered;
  if (!rendered.ok() || rendered->text != golden["text"].get<std::string>()) {
    tally.different.insert(name);
    return;
  }
  ++tally.exact;
  if (!golden.contains("generation_spans")) return;
  ++tally.with_spans;
  if (SpansInCharacters(*rendered) == NotEmpty(golden["generation_spans"])) {
    ++tally.exact_spans;
  } else {
    tally.different.insert(absl::StrCat(name, " spans"));
  }
}

TEST(ChatTemplateGoldenTest, AgreesWithJinja2OnRealTemplates) {
  const std::string dir = TestDataDir();
  if (dir.empty()) GTEST_SKIP() << "LOCKSTEP_TEST_DATA is not set";
  const std::string goldens = dir + "/golden/chat-render";
  const Json conversations =
      ReadJson(goldens + "/conversations.json")["conversations"];
  Tally tally;
  for (const auto& entry : std::filesystem::directory_iterator(goldens)) {
    const std::string file = entry.path().filename();
    if (file.rfind("templates__", 0) != 0) continue;
    const std::string source =
        absl::StrReplaceAll(file.substr(0, file.size() - 5), {{"__", "/"}});
    const auto chat_template =
        ChatTemplate::Compile(ReadFile(absl::StrCat(dir, "/", source)));
    ASSERT_THAT(chat_template, IsOk()) << source;
    const Json golden = ReadJson(entry.path());
    for (const auto& [name, expected] : golden["renders"].items()) {
      Compare(absl::StrCat(file, " ", name), expected,
              chat_template->Render(Context(golden, conversations[name]),
                                    FrozenNow()),
              tally);
    }
  }
  // The one: a string marked safe plus a string.
  EXPECT_EQ(tally.rendered, 1214);
  EXPECT_EQ(tally.exact, 1213) << ::testing::PrintToString(tally.different);
  EXPECT_EQ(tally.with_spans, 258);
  EXPECT_EQ(tally.exact_spans, 258)
      << ::testing::PrintToString(tally.different);
  // Three templates iterate over none, which minijinja takes for empty.
  EXPECT_LE(tally.lenient, 60);
}

}  // namespace
}  // namespace lockstep
