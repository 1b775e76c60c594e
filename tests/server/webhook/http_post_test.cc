#include "server/webhook/http_post.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Answers one connection on a free port of loopback.
class OneAnswer {
 public:
  // Empty: never answers; it is closed with this object.
  explicit OneAnswer(std::string answer)
      : answer_(std::move(answer)), listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* any = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(listener_, any, size), 0);
    EXPECT_EQ(listen(listener_, 1), 0);
    EXPECT_EQ(getsockname(listener_, any, &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Run(); });
  }
  ~OneAnswer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
    if (connection_ >= 0) close(connection_);
  }

  std::string url() const {
    return absl::StrCat("http://127.0.0.1:", port_, "/hook");
  }
  // As it was asked; after an answer.
  const std::string& request() const { return request_; }
  absl::Notification asked;

 private:
  void Run() {
    connection_ = accept(listener_, nullptr, nullptr);
    if (connection_ < 0) return;
    while (!absl::EndsWith(request_, "END")) {
      char bytes[1024];
      const ssize_t size = read(connection_, bytes, sizeof(bytes));
      if (size <= 0) return;
      request_.append(bytes, static_cast<size_t>(size));
    }
    asked.Notify();
    if (answer_.empty()) return;
    EXPECT_EQ(write(connection_, answer_.data(), answer_.size()),
              static_cast<ssize_t>(answer_.size()));
    shutdown(connection_, SHUT_RDWR);
  }

  const std::string answer_;
  const int listener_;
  int port_ = 0;
  int connection_ = -1;
  std::string request_;
  std::thread thread_;
};

class HttpPostTest : public ::testing::Test {
 protected:
  void SetUp() override { setenv("no_proxy", "127.0.0.1", 1); }

  absl::StatusOr<int> Post(const std::string& url,
                           absl::Duration timeout = absl::Minutes(1)) {
    return HttpPost({url, {"webhook-id: 7"}, "{\"a\": 1} END", timeout},
                    stopping_);
  }

  std::atomic<bool> stopping_ = false;
};

TEST_F(HttpPostTest, SendsHeadersAndBodyAndTellsTheCode) {
  OneAnswer server("HTTP/1.1 204 No Content\r\n\r\n");
  const auto code = Post(server.url());
  ASSERT_TRUE(code.ok()) << code.status();
  EXPECT_EQ(*code, 204);
  EXPECT_THAT(server.request(), AllOf(StartsWith("POST /hook HTTP/1.1\r\n"),
                                      HasSubstr("\r\nwebhook-id: 7\r\n"),
                                      HasSubstr("\r\n\r\n{\"a\": 1} END")));
}

TEST_F(HttpPostTest, FollowsNobody) {
  OneAnswer server(
      "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
      "Content-Length: 0\r\n\r\n");
  const auto code = Post(server.url());
  ASSERT_TRUE(code.ok()) << code.status();
  EXPECT_EQ(*code, 302);
}

TEST_F(HttpPostTest, WhoeverDoesNotAnswerIsUnavailable) {
  OneAnswer server("");
  const auto slow = Post(server.url(), absl::Milliseconds(50));
  EXPECT_TRUE(absl::IsUnavailable(slow.status())) << slow.status();
  const auto nobody = Post("http://127.0.0.1:1/");
  EXPECT_TRUE(absl::IsUnavailable(nobody.status()));
  EXPECT_THAT(std::string(nobody.status().message()),
              ::testing::Not(HasSubstr("127.0.0.1")));
}

TEST_F(HttpPostTest, SpeaksHttpAlone) {
  EXPECT_TRUE(absl::IsUnavailable(Post("file:///etc/passwd").status()));
}

TEST_F(HttpPostTest, EndsSoonWhenStopped) {
  OneAnswer server("");
  std::thread stopper([&] {
    server.asked.WaitForNotification();
    stopping_ = true;
  });
  EXPECT_TRUE(absl::IsCancelled(Post(server.url()).status()));
  stopper.join();
}

}  // namespace
}  // namespace lockstep
