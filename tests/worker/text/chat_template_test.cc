#include "worker/text/chat_template.h"

#include <string>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/worker/text/text_testing.h"

namespace lockstep {
namespace {

using testing::IsInvalid;
using testing::IsOk;

std::string Render(const std::string& source,
                   const std::string& context = "{}") {
  const auto compiled = ChatTemplate::Compile(source);
  if (!compiled.ok()) return compiled.status().ToString();
  const auto rendered = compiled->Render(context, absl::UnixEpoch());
  return rendered.ok() ? rendered->text : rendered.status().ToString();
}

TEST(ChatTemplateTest, TrimsBlocksAsTransformersDoes) {
  EXPECT_EQ(Render("{% for m in messages %}\n  {{ m }}\n{% endfor %}\nend\n",
                   R"({"messages": ["a", "b"]})"),
            "  a\n  b\nend");
}

TEST(ChatTemplateTest, PrintsJsonAsPythonDoes) {
  const std::string context =
      R"({"x": {"b": [1, 2.0, 1e-7, true, null], "a": "<é\n'>"}})";

  EXPECT_EQ(Render("{{ x | tojson }}", context),
            R"({"b": [1, 2.0, 1e-07, true, null], "a": "<é\n'>"})");
  EXPECT_EQ(
      Render("{{ x | tojson(ensure_ascii=True, sort_keys=True) }}", context),
      R"({"a": "<\u00e9\n'>", "b": [1, 2.0, 1e-07, true, null]})");
  EXPECT_EQ(Render("{{ [1, {}] | tojson(indent=2) }}"), "[\n  1,\n  {}\n]");
  EXPECT_EQ(Render("{{ [1, 2] | tojson(separators=(',', ':')) }}"), "[1,2]");
}

TEST(ChatTemplateTest, PrintsFloatsAsPythonDoes) {
  EXPECT_EQ(
      Render("{{ x }} {{ y }} {{ z }}", R"({"x": 2.0, "y": 1e16, "z": 0.1})"),
      "2.0 1e+16 0.1");
}

TEST(ChatTemplateTest, KnowsPythonMethodsThatTemplatesCall) {
  EXPECT_EQ(Render("{{ 'a.b.c'.rsplit('.', 1) | join('|') }}"), "a.b|c");
  EXPECT_EQ(Render("{{ ' a  b c '.rsplit(none, 1) | join('|') }}"), " a  b|c");
  EXPECT_EQ(Render("{{ 'abc'.index('c') }}"), "2");
  EXPECT_EQ(Render("{{ 'abc'.removeprefix('a').removesuffix('c') }}"), "b");
  EXPECT_EQ(Render("{{ 'k=v'.partition('=') | join('|') }}"), "k|=|v");
  EXPECT_EQ(Render("{{ 'kv'.rpartition('=') | join('|') }}"), "||kv");
  EXPECT_EQ(Render("{{ '-7'.zfill(4) }}"), "-007");
  EXPECT_EQ(Render("[{{ 'ab'.ljust(4) }}{{ 'ab'.center(5, '*') }}]"),
            "[ab  **ab*]");
  EXPECT_EQ(Render("{{ 'aB'.swapcase() }}{{ 'A'.casefold() }}"), "Aba");
  EXPECT_EQ(Render("{{ [3, 4].index(4) }}{{ [1].copy() }}"), "1[1]");
  EXPECT_EQ(Render("{{ 'x'.upper() }}"), "X");
}

TEST(ChatTemplateTest, TellsNullFromMissing) {
  const std::string source =
      "{{ tools is defined }} {{ tools is none }} {{ tools is iterable }}";
  EXPECT_EQ(Render(source, R"({"tools": null})"), "True True False");
  EXPECT_EQ(Render(source, "{}"), "False False True");
}

TEST(ChatTemplateTest, ShowsTheFrozenTimeInUtc) {
  const auto compiled = ChatTemplate::Compile("{{ strftime_now('%d %b %Y') }}");
  ASSERT_THAT(compiled, IsOk());

  const auto rendered = compiled->Render(
      "{}", absl::FromCivil(absl::CivilDay(2025, 1, 15), absl::UTCTimeZone()));

  ASSERT_THAT(rendered, IsOk());
  EXPECT_EQ(rendered->text, "15 Jan 2025");
}

TEST(ChatTemplateTest, ReportsGenerationBlocksInBytes) {
  const auto compiled = ChatTemplate::Compile(
      "{% for m in messages %}"
      "{{ 'é' }}{%- generation -%}{{ m }}{%- endgeneration -%}|"
      "{% endfor %}");
  ASSERT_THAT(compiled, IsOk());
  EXPECT_TRUE(compiled->marks_generation());

  const auto rendered =
      compiled->Render(R"({"messages": ["ab", "", "c"]})", absl::UnixEpoch());

  ASSERT_THAT(rendered, IsOk());
  EXPECT_EQ(rendered->text, "éab|é|éc|");
  EXPECT_EQ(rendered->generated, (std::vector<ByteSpan>{{2, 4}, {10, 11}}));
}

TEST(ChatTemplateTest, GenerationInTextStringsAndCommentsIsNoMark) {
  const auto compiled = ChatTemplate::Compile(
      "{# {% generation %} #}{% raw %}{% generation %}{% endraw %}"
      "{{ '{% generation %}' }}{{ messages[0] }}");
  ASSERT_THAT(compiled, IsOk());
  EXPECT_FALSE(compiled->marks_generation());

  const auto rendered = compiled->Render(
      R"({"messages": ["{% generation %}"]})", absl::UnixEpoch());

  ASSERT_THAT(rendered, IsOk());
  EXPECT_EQ(rendered->text, "{% generation %}{% generation %}{% generation %}");
  EXPECT_TRUE(rendered->generated.empty());
}

TEST(ChatTemplateTest, WhatATemplateRaisesIsTheError) {
  const auto compiled =
      ChatTemplate::Compile("\n{{ raise_exception('roles must alternate') }}");
  ASSERT_THAT(compiled, IsOk());

  EXPECT_THAT(compiled->Render("{}", absl::UnixEpoch()),
              IsInvalid("roles must alternate (in chat_template:2)"));
}

TEST(ChatTemplateTest, NamesTheLineOfASyntaxError) {
  EXPECT_THAT(ChatTemplate::Compile("a\nb\n{% if %}"),
              IsInvalid("chat_template:3"));
}

TEST(ChatTemplateTest, RefusesAContextThatIsNoObject) {
  const auto compiled = ChatTemplate::Compile("a");
  ASSERT_THAT(compiled, IsOk());

  EXPECT_THAT(compiled->Render("[1]", absl::UnixEpoch()),
              IsInvalid("not an object"));
  EXPECT_THAT(compiled->Render("{", absl::UnixEpoch()), IsInvalid("context"));
}

}  // namespace
}  // namespace lockstep
