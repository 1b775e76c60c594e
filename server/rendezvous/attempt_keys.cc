#include "server/rendezvous/attempt_keys.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/errors.h"

namespace lockstep {
namespace {

constexpr size_t kLongestKey = 1 << 10;
constexpr size_t kLargestValue = 64 << 10;

absl::Status TooLarge(absl::string_view field, size_t size, size_t most) {
  return errors::Error(
      absl::StatusCode::kInvalidArgument, "KEY_TOO_LARGE",
      absl::StrCat(field, ": has ", size, " bytes; at most ", most));
}

// Keys are bytes of a library, not always text.
std::string Quoted(const std::string& key) {
  return absl::StrCat("\"", absl::CHexEscape(key), "\"");
}

void Give(Rendezvous::KeyReply reply, absl::StatusOr<std::string> answer,
          Answers& answers) {
  answers.push_back(
      [reply = std::move(reply), answer = std::move(answer)]() mutable {
        reply(std::move(answer));
      });
}

}  // namespace

absl::Status AttemptKeys::Set(const std::string& key, const std::string& value,
                              Answers& answers) {
  if (key.size() > kLongestKey) return TooLarge("key", key.size(), kLongestKey);
  if (value.size() > kLargestValue) {
    return TooLarge("value", value.size(), kLargestValue);
  }
  const auto [position, is_new] = values_.try_emplace(key, value);
  if (!is_new) {
    if (position->second == value) return absl::OkStatus();
    return errors::Error(
        absl::StatusCode::kAlreadyExists, "KEY_EXISTS",
        absl::StrCat("key: ", Quoted(key), " was set to another value"));
  }
  std::erase_if(waiters_, [&](Waiter& waiter) {
    if (waiter.key != key) return false;
    Give(std::move(waiter.reply), value, answers);
    return true;
  });
  return absl::OkStatus();
}

void AttemptKeys::Wait(const std::string& key, absl::Duration now,
                       absl::Duration timeout, Rendezvous::KeyReply reply,
                       Answers& answers) {
  if (key.size() > kLongestKey) {
    return Give(std::move(reply), TooLarge("key", key.size(), kLongestKey),
                answers);
  }
  if (const auto value = values_.find(key); value != values_.end()) {
    return Give(std::move(reply), value->second, answers);
  }
  timeout = std::clamp(timeout, absl::ZeroDuration(), longest_wait_);
  waiters_.push_back({key, timeout, now + timeout, std::move(reply)});
}

void AttemptKeys::Tick(absl::Duration now, Answers& answers) {
  std::erase_if(waiters_, [&](Waiter& waiter) {
    if (now < waiter.deadline) return false;
    Give(std::move(waiter.reply),
         errors::Error(
             absl::StatusCode::kDeadlineExceeded, "KEY_TIMEOUT",
             absl::StrCat("key: ", Quoted(waiter.key), " was not set within ",
                          absl::FormatDuration(waiter.timeout))),
         answers);
    return true;
  });
}

void AttemptKeys::Fail(const absl::Status& status, Answers& answers) {
  for (Waiter& waiter : waiters_) {
    Give(std::move(waiter.reply), status, answers);
  }
  waiters_.clear();
}

}  // namespace lockstep
