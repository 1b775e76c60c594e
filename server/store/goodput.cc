#include "server/store/goodput.h"

#include <algorithm>
#include <utility>

#include "google/protobuf/util/time_util.h"

namespace lockstep {
namespace {

using google::protobuf::util::TimeUtil;
using Share = v1::Goodput::Share;

constexpr double kNanosPerSecond = 1e9;

int64_t NanosOf(const Share& share) {
  return TimeUtil::DurationToNanoseconds(share.wall());
}

// The share of a class and cause; a new one goes where it belongs.
Share& ShareOf(v1::Goodput& goodput, v1::Goodput::Class what,
               const std::string& cause) {
  const auto place = std::make_pair(what, cause);
  int index = 0;
  for (Share& share : *goodput.mutable_shares()) {
    const auto other = std::make_pair(share.class_(), share.cause());
    if (other == place) return share;
    if (other < place) ++index;
  }
  Share& added = *goodput.add_shares();
  added.set_class_(what);
  if (!cause.empty()) added.set_cause(cause);
  for (int at = goodput.shares_size() - 1; at > index; --at) {
    goodput.mutable_shares()->SwapElements(at, at - 1);
  }
  return *goodput.mutable_shares(index);
}

void Add(v1::Goodput& goodput, const Spending& spending, int64_t nanos) {
  Share& share = ShareOf(goodput, spending.what, spending.cause);
  *share.mutable_wall() =
      TimeUtil::NanosecondsToDuration(NanosOf(share) + nanos);
  share.set_device_seconds(std::max(
      0.0, share.device_seconds() + static_cast<double>(nanos) /
                                        kNanosPerSecond * spending.devices));
}

void SetRatio(v1::Goodput& goodput) {
  double trained = 0;
  double held = 0;
  for (const Share& share : goodput.shares()) {
    held += share.device_seconds();
    if (share.class_() == v1::Goodput::TRAIN) trained += share.device_seconds();
  }
  goodput.set_ratio(held > 0 ? trained / held : 0);
}

int64_t OpenNanos(const server::TimeAccount& account, absl::Time now) {
  return std::max<int64_t>(0, absl::ToUnixNanos(now) - account.since_nanos());
}

Spending OpenSpending(const server::TimeAccount& account) {
  return {account.class_(), account.cause(), account.devices()};
}

// What is open becomes part of its share.
void Close(server::JobRecord& record, absl::Time now) {
  server::TimeAccount& account = *record.mutable_time_account();
  if (account.since_nanos() == 0)
    account.set_since_nanos(absl::ToUnixNanos(now));
  const int64_t nanos = OpenNanos(account, now);
  account.set_since_nanos(account.since_nanos() + nanos);
  if (nanos == 0 || account.class_() == v1::Goodput::CLASS_UNSPECIFIED) return;
  Add(*record.mutable_job()->mutable_goodput(), OpenSpending(account), nanos);
  if (account.class_() == v1::Goodput::TRAIN) {
    account.set_trained_nanos(account.trained_nanos() + nanos);
  }
}

// Of the newest attempt's share.
void MoveFromTrain(server::JobRecord& record, v1::Goodput::Class what,
                   v1::Attempt::EndCause cause, int64_t nanos) {
  if (nanos <= 0) return;
  const auto& attempts = record.job().attempts();
  const int devices = attempts.empty() ? 0 : attempts.rbegin()->ranks_size();
  v1::Goodput& goodput = *record.mutable_job()->mutable_goodput();
  Add(goodput, {v1::Goodput::TRAIN, "", devices}, -nanos);
  Add(goodput, {what, v1::Attempt::EndCause_Name(cause), devices}, nanos);
  SetRatio(goodput);
}

// Of TRAIN, by the attempt, up to now.
int64_t TrainedNanos(const server::TimeAccount& account, absl::Time now) {
  const bool trains = account.class_() == v1::Goodput::TRAIN;
  return account.trained_nanos() + (trains ? OpenNanos(account, now) : 0);
}

}  // namespace

void SpendOn(server::JobRecord& record, const Spending& next, absl::Time now) {
  Close(record, now);
  server::TimeAccount& account = *record.mutable_time_account();
  account.set_class_(next.what);
  account.set_cause(next.cause);
  account.set_devices(next.devices);
  if (record.job().has_goodput()) {
    SetRatio(*record.mutable_job()->mutable_goodput());
  }
}

void CountElsewhere(server::JobRecord& record, const Spending& other,
                    int64_t nanos, absl::Time now) {
  Close(record, now);
  server::TimeAccount& account = *record.mutable_time_account();
  const Spending spent = OpenSpending(account);
  v1::Goodput& goodput = *record.mutable_job()->mutable_goodput();
  int64_t most = NanosOf(ShareOf(goodput, spent.what, spent.cause));
  // An earlier attempt's is its own.
  const bool trains = spent.what == v1::Goodput::TRAIN;
  if (trains) most = std::min(most, account.trained_nanos());
  nanos = std::clamp<int64_t>(nanos, 0, most);
  Add(goodput, spent, -nanos);
  Add(goodput, other, nanos);
  SetRatio(goodput);
  int64_t trained = account.trained_nanos();
  if (trains) trained -= nanos;
  if (other.what == v1::Goodput::TRAIN) trained += nanos;
  account.set_trained_nanos(trained);
  // What was noted since the message before took the time for trained.
  account.set_signed_nanos(std::min(account.signed_nanos(), trained));
  account.set_step_nanos(std::min(account.step_nanos(), trained));
  account.set_kept_nanos(std::min(account.kept_nanos(), trained));
}

void BeginAttemptAccount(server::JobRecord& record, int64_t step) {
  server::TimeAccount& account = *record.mutable_time_account();
  account.clear_trains();
  account.clear_signed_nanos();
  account.set_step(step);
  account.clear_step_nanos();
  account.clear_trained_nanos();
  account.set_kept_step(step);
  account.clear_kept_nanos();
}

void NoteSign(server::JobRecord& record, absl::Time now) {
  server::TimeAccount& account = *record.mutable_time_account();
  account.set_signed_nanos(TrainedNanos(account, now));
}

void NoteStep(server::JobRecord& record, int64_t step, absl::Time now) {
  NoteSign(record, now);
  server::TimeAccount& account = *record.mutable_time_account();
  account.set_step(step);
  account.set_step_nanos(account.signed_nanos());
}

void NoteKept(server::JobRecord& record, int64_t step, absl::Time now) {
  server::TimeAccount& account = *record.mutable_time_account();
  if (step <= account.kept_step()) return;
  int64_t kept = TrainedNanos(account, now);
  // It was written while training went on: each step is taken to have needed as
  // long as the others.
  if (step < account.step()) {
    const double part =
        static_cast<double>(step - account.kept_step()) /
        static_cast<double>(account.step() - account.kept_step());
    const int64_t nanos = account.step_nanos() - account.kept_nanos();
    kept = account.kept_nanos() +
           static_cast<int64_t>(part * static_cast<double>(nanos));
  }
  account.set_kept_step(step);
  account.set_kept_nanos(kept);
}

void EndAttemptAccount(server::JobRecord& record, v1::Attempt::EndCause cause,
                       bool goes_on, absl::Time now) {
  SpendOn(record, {}, now);
  const server::TimeAccount& account = record.time_account();
  const int64_t useful =
      cause == v1::Attempt::SUCCESS
          ? account.trained_nanos()
          : std::max(account.signed_nanos(), account.kept_nanos());
  MoveFromTrain(record, v1::Goodput::IDLE, cause,
                account.trained_nanos() - useful);
  if (goes_on) {
    MoveFromTrain(record, v1::Goodput::LOST, cause,
                  useful - account.kept_nanos());
  }
  BeginAttemptAccount(record, 0);
}

v1::Goodput GoodputAt(const server::JobRecord& record, absl::Time now) {
  v1::Goodput goodput = record.job().goodput();
  const server::TimeAccount& account = record.time_account();
  const int64_t nanos = OpenNanos(account, now);
  if (nanos == 0 || account.class_() == v1::Goodput::CLASS_UNSPECIFIED) {
    return goodput;
  }
  Add(goodput, OpenSpending(account), nanos);
  SetRatio(goodput);
  return goodput;
}

}  // namespace lockstep
