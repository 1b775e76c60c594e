#include "tests/testing/cable.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace lockstep::testing {
namespace {

constexpr size_t kMostBytes = 65536;
// What waits before a slow way, as in a small router; what comes then is lost.
constexpr size_t kMostUnderWay = 32768;
constexpr char kTunnel[] = "cable0";

ifreq Named(const char* name) {
  ifreq request{};
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  return request;
}

sockaddr AddressOf(const char* text) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  inet_pton(AF_INET, text, &address.sin_addr);
  sockaddr any{};
  std::memcpy(&any, &address, sizeof(address));
  return any;
}

bool SetUp(int socket, const char* interface) {
  ifreq request = Named(interface);
  if (ioctl(socket, SIOCGIFFLAGS, &request) != 0) return false;
  request.ifr_flags = static_cast<int16_t>(request.ifr_flags | IFF_UP);
  return ioctl(socket, SIOCSIFFLAGS, &request) == 0;
}

// A namespace of its own for this thread, with a tunnel that this returns.
int MoveIntoNew(const char* address) {
  if (unshare(CLONE_NEWNET) != 0) return -1;
  const int tunnel = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  const int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq made = Named(kTunnel);
  made.ifr_flags = IFF_TUN | IFF_NO_PI;
  ifreq addressed = Named(kTunnel);
  addressed.ifr_addr = AddressOf(address);
  ifreq masked = Named(kTunnel);
  masked.ifr_netmask = AddressOf("255.255.255.0");
  const bool ok = ioctl(tunnel, TUNSETIFF, &made) == 0 &&
                  ioctl(any, SIOCSIFADDR, &addressed) == 0 &&
                  ioctl(any, SIOCSIFNETMASK, &masked) == 0 &&
                  SetUp(any, kTunnel) && SetUp(any, "lo");
  close(any);
  if (ok) return tunnel;
  close(tunnel);
  return -1;
}

}  // namespace

bool Cable::Allowed() {
  const pid_t child = fork();
  if (child == 0) _exit(MoveIntoNew(kHere) < 0 ? 1 : 0);
  int status = 1;
  return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

Cable::Cable(uint64_t seed) : chance_(seed) {
  there_ = MoveIntoNew(kThere);
  EXPECT_GE(there_, 0);
  namespace_ = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  here_ = MoveIntoNew(kHere);
  EXPECT_GE(here_, 0);
  EXPECT_EQ(pipe2(end_, O_CLOEXEC), 0);
  thread_ = std::thread([this] { Run(); });
}

Cable::~Cable() {
  close(end_[1]);
  thread_.join();
  for (const int fd : {end_[0], here_, there_, namespace_}) close(fd);
}

std::vector<std::string> Cable::ThereCommand() const {
  return {"nsenter", absl::StrCat("--net=/proc/", getpid(), "/fd/", namespace_),
          "--"};
}

void Cable::Set(const CableWay& to_there, const CableWay& to_here) {
  absl::MutexLock lock(&mu_);
  to_there_.way = to_there;
  to_here_.way = to_here;
  lost_ = 0;
}

int64_t Cable::lost() const {
  absl::MutexLock lock(&mu_);
  return lost_;
}

void Cable::WaitForLost(int64_t packets) const {
  absl::MutexLock lock(&mu_);
  const auto enough = [&]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return lost_ >= packets;
  };
  mu_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(10));
}

absl::Time Cable::Next() const {
  absl::MutexLock lock(&mu_);
  absl::Time next = absl::InfiniteFuture();
  for (const Direction* direction : {&to_there_, &to_here_}) {
    if (direction->under_way.empty()) continue;
    next = std::min(next, direction->under_way.front().due);
  }
  return next;
}

void Cable::Run() {
  while (true) {
    const absl::Duration left = Next() - absl::Now();
    const int64_t most =
        left == absl::InfiniteDuration()
            ? -1
            : std::max<int64_t>(0, absl::ToInt64Milliseconds(absl::Ceil(
                                       left, absl::Milliseconds(1))));
    pollfd fds[] = {
        {here_, POLLIN, 0}, {there_, POLLIN, 0}, {end_[0], POLLIN, 0}};
    poll(fds, 3, static_cast<int>(most));
    if (fds[2].revents != 0) return;
    Take(here_, &Cable::to_there_);
    Take(there_, &Cable::to_here_);
    Deliver(&Cable::to_there_, there_);
    Deliver(&Cable::to_here_, here_);
  }
}

void Cable::Take(int from, Direction Cable::*which) {
  std::vector<char> bytes(kMostBytes);
  while (true) {
    const ssize_t size = read(from, bytes.data(), bytes.size());
    if (size <= 0) return;
    absl::MutexLock lock(&mu_);
    Direction& direction = this->*which;
    const CableWay& way = direction.way;
    const auto length = static_cast<size_t>(size);
    if (way.cut || chance_.Below(100) < way.percent_lost ||
        direction.bytes_under_way + length > kMostUnderWay) {
      ++lost_;
      continue;
    }
    absl::Time due = absl::Now();
    if (way.bytes_per_second > 0) {
      direction.free =
          std::max(direction.free, due) +
          absl::Seconds(static_cast<double>(length) / way.bytes_per_second);
      due = direction.free;
    }
    direction.bytes_under_way += length;
    direction.under_way.push_back(
        {due, std::vector<char>(bytes.begin(), bytes.begin() + size)});
  }
}

void Cable::Deliver(Direction Cable::*which, int to) {
  const absl::Time now = absl::Now();
  absl::MutexLock lock(&mu_);
  Direction& direction = this->*which;
  while (!direction.under_way.empty() &&
         direction.under_way.front().due <= now) {
    const Packet packet = std::move(direction.under_way.front());
    direction.under_way.pop_front();
    direction.bytes_under_way -= packet.bytes.size();
    // One that the other side has no room for is lost, as on any network.
    if (write(to, packet.bytes.data(), packet.bytes.size()) < 0) ++lost_;
  }
}

}  // namespace lockstep::testing
