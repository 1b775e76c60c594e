// Templates are programs from outside: each of these ends soon, as an error.

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/worker/text/text_testing.h"
#include "worker/text/chat_template.h"

namespace lockstep {
namespace {

using testing::IsInvalid;
using testing::IsOk;

absl::StatusOr<RenderedChat> RenderNothing(const std::string& source) {
  const auto compiled = ChatTemplate::Compile(source);
  if (!compiled.ok()) return compiled.status();
  return compiled->Render("{}", absl::UnixEpoch());
}

std::string Repeat(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

TEST(HostileTemplateTest, LoopsRunOutOfFuel) {
  for (const char* source :
       {"{% for i in range(1000000000) %}{{ i }}{% endfor %}",
        "{% for i in range(100000) %}{% for j in range(100000) %}x"
        "{% endfor %}{% endfor %}",
        "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}"}) {
    EXPECT_THAT(RenderNothing(source), IsInvalid("")) << source;
  }
}

TEST(HostileTemplateTest, TextThatGrowsIsBounded) {
  const std::string doubling =
      "{% set ns = namespace(s='xxxxxxxxxxxxxxxx') %}"
      "{% for i in range(64) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}"
      "{{ ns.s }}";
  for (const std::string& source :
       {doubling, std::string("{{ 'x' * 999999999 }}"),
        std::string("{{ '%999999999d' | format(1) }}"),
        std::string("{{ 'x'.ljust(999999999) }}"),
        std::string("{{ '{:999999999}'.format(1) }}"),
        std::string("{{ ['x'] | tojson(indent=64) }}{{ 1 / 0 }}")}) {
    EXPECT_THAT(RenderNothing(source), IsInvalid("")) << source;
  }
}

TEST(HostileTemplateTest, ANamespaceThatContainsItselfIsAnError) {
  const std::string loop = "{% set ns = namespace() %}{% set ns.me = ns %}";

  EXPECT_THAT(RenderNothing(loop + "{{ ns }}"), IsInvalid("nests deeper"));
  EXPECT_THAT(RenderNothing(loop + "{{ [ns] }}"), IsInvalid("nests deeper"));
  EXPECT_THAT(RenderNothing(loop + "{{ ns | tojson }}"),
              IsInvalid("nests too deep"));
}

TEST(HostileTemplateTest, SourcesThatAreTooLongOrTooDeepAreErrors) {
  EXPECT_THAT(ChatTemplate::Compile(std::string(70000, 'x')),
              IsInvalid("at most 65536"));
  EXPECT_THAT(RenderNothing(Repeat("{% if true %}", 4000)), IsInvalid(""));
  EXPECT_THAT(RenderNothing("{{ " + Repeat("(", 20000) + " }}"), IsInvalid(""));
  EXPECT_THAT(RenderNothing("{{ " + Repeat("[", 20000) + " }}"), IsInvalid(""));
}

// They are legal, and as deep as they are long.
TEST(HostileTemplateTest, LongChainsOfOperatorsDoNotEndTheProcess) {
  for (const std::string& chain :
       {"{{ 1" + Repeat("+1", 32000) + " }}",
        "{{ " + Repeat("not ", 16000) + "1 }}",
        "{{ 1" + Repeat("|abs", 16000) + " }}",
        "{{ x" + Repeat(".x", 32000) + " }}",
        "{{ " + Repeat("-", 60000) + "1 }}",
        "{{ 1" + Repeat(" if 1 else 1", 5000) + " }}"}) {
    (void)RenderNothing(chain);
  }
}

TEST(HostileTemplateTest, ALongConversationBuysFuel) {
  const auto compiled = ChatTemplate::Compile(
      "{% for m in messages %}{{ m.role + ': ' + m.content | trim }}\n"
      "{% endfor %}");
  ASSERT_THAT(compiled, IsOk());
  std::string context = R"({"messages": [)";
  for (int i = 0; i < 20000; ++i) {
    absl::StrAppend(&context, i > 0 ? "," : "",
                    R"({"role": "user", "content": "Some words to say."})");
  }
  context += "]}";

  EXPECT_THAT(compiled->Render(context, absl::UnixEpoch()), IsOk());
}

}  // namespace
}  // namespace lockstep
