#include "client/cli/html.h"

#include "gtest/gtest.h"

namespace lockstep::cli {
namespace {

TEST(EscapeHtmlTest, LeavesNothingThatHtmlWouldRead) {
  EXPECT_EQ(EscapeHtml("<a href=\"x\" title='y'>&lt;</a>"),
            "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;lt;&lt;/a&gt;");
}

TEST(EscapeHtmlTest, KeepsTextsOfAllLanguages) {
  EXPECT_EQ(EscapeHtml("fünf\t五\n🦙"), "fünf\t五\n🦙");
}

TEST(EscapeHtmlTest, ReplacesWhatNoPageCanHold) {
  const std::string lost = "\xef\xbf\xbd";
  EXPECT_EQ(EscapeHtml(absl::string_view("a\0b\x1b[0m\x7f", 8)),
            "a" + lost + "b" + lost + "[0m" + lost);
  // A lone byte, a sequence that is cut, one whose second byte is none.
  EXPECT_EQ(EscapeHtml("\xff"), lost);
  EXPECT_EQ(EscapeHtml("x\xe4\xba"), "x" + lost + lost);
  EXPECT_EQ(EscapeHtml("\xc3<"), lost + "&lt;");
}

}  // namespace
}  // namespace lockstep::cli
