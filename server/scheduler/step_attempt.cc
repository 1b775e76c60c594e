// An attempt from its start until something ends it.

#include <algorithm>
#include <set>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/contract/errors.h"
#include "proto/contract/exit_code.h"
#include "proto/contract/resource_name.h"
#include "server/scheduler/proto_time.h"
#include "server/scheduler/step_parts.h"
#include "server/store/goodput.h"

namespace lockstep {
namespace {

// Where each rank is: an engine says it later.
void Place(const std::vector<DevicePlace>& places, bool by_engine,
           v1::Attempt& attempt) {
  for (size_t rank = 0; rank < places.size(); ++rank) {
    v1::RankPlacement& placement = *attempt.add_ranks();
    placement.set_rank(static_cast<int>(rank));
    if (by_engine) continue;
    placement.set_node(places[rank].node);
    placement.set_device(places[rank].device);
  }
}

void AddAttempt(Decision& decision, JobEntry& entry,
                const std::vector<DevicePlace>& places) {
  v1::Job& job = entry.record.MutableJob();
  job.set_attempt(job.attempt() + 1);
  if (!job.has_start_time()) {
    *job.mutable_start_time() = ToProto(decision.wall());
  }
  v1::Attempt& attempt = *job.add_attempts();
  attempt.set_name(AttemptName(*JobIdFromName(job.name()), job.attempt()));
  attempt.set_state(v1::Attempt::SUBMITTED);
  *attempt.mutable_start_time() = ToProto(decision.wall());
  if (job.spec().checkpoint().resume() != v1::CheckpointSpec::RESUME_NEVER) {
    attempt.set_resume_step(entry.newest_checkpoint.step());
  }
  Place(places, decision.state().pool.IsOfEngine(), attempt);
}

// The process of an attempt as it is before there is one.
server::ProcessRecord& AddProcess(Decision& decision, JobEntry& entry,
                                  const std::vector<DevicePlace>& places,
                                  const std::string& token) {
  server::ProcessRecord& process = *entry.record.Mutable().add_processes();
  process.set_attempt(entry.job().attempt());
  process.set_token_sha256(TokenDigest(token));
  if (!decision.state().pool.IsOfEngine()) return process;
  for (const DevicePlace& place : places) {
    server::KeptDevice& slot = *process.add_slots();
    slot.set_node(place.node);
    slot.set_device(place.device);
  }
  return process;
}

// What the launcher is told of them: devices, or the slots that an engine
// fills.
std::vector<v1::RankPlacement> RanksAt(const std::vector<DevicePlace>& places) {
  v1::Attempt attempt;
  Place(places, /*by_engine=*/false, attempt);
  return {attempt.ranks().begin(), attempt.ranks().end()};
}

bool LostAllNodes(const v1::Job& job, const server::ProcessRecord& process) {
  if (process.attempt() < 1 || process.attempt() > job.attempts_size()) {
    return false;
  }
  const v1::Attempt& attempt = job.attempts(process.attempt() - 1);
  return std::all_of(
      attempt.ranks().begin(), attempt.ranks().end(), [&](const auto& rank) {
        return absl::c_linear_search(process.avoid_nodes(), rank.node());
      });
}

std::vector<std::string> AvoidedNodes(const JobEntry& entry) {
  std::set<std::string> nodes;
  for (const server::ProcessRecord& process : entry.record->processes()) {
    // When nobody of an attempt was heard, it may have been this host that was
    // cut off.
    if (process.stop_cause() == v1::Attempt::NODE_LOST &&
        LostAllNodes(entry.job(), process)) {
      continue;
    }
    nodes.insert(process.avoid_nodes().begin(), process.avoid_nodes().end());
  }
  return {nodes.begin(), nodes.end()};
}

std::string PlacesInWords(const v1::Job& job, const v1::Attempt& attempt) {
  const auto device = [](std::string* out, const v1::RankPlacement& rank) {
    absl::StrAppend(out, rank.device(), " on ", rank.node());
  };
  if (attempt.ranks(0).device().empty()) {
    const int nodes = std::max(1, job.spec().resources().nodes());
    return absl::StrCat("on ", nodes, nodes == 1 ? " host" : " hosts",
                        ", which Slurm chooses");
  }
  return absl::StrJoin(attempt.ranks(), ", ", device);
}

std::string InWords(const v1::Job& job, const v1::Attempt& attempt,
                    const std::string& origin) {
  return absl::StrCat(
      attempt.name(), " with ", attempt.ranks_size(),
      attempt.ranks_size() == 1 ? " rank: " : " ranks: ",
      PlacesInWords(job, attempt),
      attempt.resume_step() > 0
          ? absl::StrCat(", from step ", attempt.resume_step())
          : absl::StrCat(origin.empty() ? "" : ", from ", origin));
}

bool LearnPids(const worker::v1::AttachRequest& report, v1::Attempt& attempt) {
  bool news = false;
  for (const worker::v1::RankProcess& process : report.ranks()) {
    if (process.rank() < 0 || process.rank() >= attempt.ranks_size()) continue;
    v1::RankPlacement& placement = *attempt.mutable_ranks(process.rank());
    if (process.pid() == 0 || placement.pid() == process.pid()) continue;
    placement.set_pid(process.pid());
    news = true;
  }
  return news;
}

// The ranks of one host are gone, and not because they finished: the others
// have nobody to train with.
void StopOtherHosts(Decision& decision, JobEntry& entry,
                    const worker::v1::AttachRequest& report) {
  const v1::Attempt& attempt = *LiveAttemptOf(entry.job());
  if (static_cast<int>(entry.live.ended.size()) >= attempt.ranks_size() ||
      attempt.state() == v1::Attempt::DRAINING) {
    return;
  }
  const bool finished = std::all_of(
      report.ranks().begin(), report.ranks().end(), [](const auto& rank) {
        return rank.exit_code() == kOk && rank.signal() == 0;
      });
  if (finished) return;
  StopAttempt(decision, entry);
  // They have nothing to save: peers of theirs are gone.
  const SchedulerOptions& options = decision.options();
  decision.Do(
      StopCommandEffect{.attempt = {entry.job().name(), entry.job().attempt()},
                        .grace = options.kill_after_grace});
  // Whoever kills them after that has as long to say so as one that is silent.
  entry.live.kill_at =
      std::min(entry.live.kill_at,
               decision.now() + options.kill_after_grace + SilenceOf(options));
}

void RecordMissing(Decision& decision, JobEntry& entry,
                   const Rendezvous::Outcome& outcome) {
  worker::v1::RankFailure verdict;
  verdict.set_cause(v1::Attempt::RENDEZVOUS_TIMEOUT);
  verdict.set_message(absl::StrCat(
      outcome.missing.size() == 1 ? "rank " : "ranks ",
      absl::StrJoin(outcome.missing, ", "), " did not join within ",
      absl::FormatDuration(decision.options().rendezvous_timeout)));
  decision.Record(entry, v1::Event::ERROR, "RENDEZVOUS_TIMEOUT",
                  verdict.message(), entry.job().attempt());
  entry.live.verdict = verdict;
  StopAttempt(decision, entry);
}

}  // namespace

absl::StatusOr<JobEntry*> FindLive(Decision& decision, const std::string& job,
                                   int attempt) {
  absl::StatusOr<JobEntry*> found = decision.Find(job);
  if (!found.ok()) return found;
  const v1::Attempt* live = LiveAttemptOf((*found)->job());
  if (live == nullptr || (*found)->job().attempt() != attempt) {
    return errors::AttemptSuperseded(job, attempt);
  }
  return found;
}

void StartAttempt(Decision& decision, JobEntry& entry,
                  const std::vector<DevicePlace>& places) {
  AddAttempt(decision, entry, places);
  const v1::Job& job = entry.job();
  const v1::Attempt& attempt = *job.attempts().rbegin();
  const AttemptRef ref{job.name(), job.attempt()};
  const std::string token = decision.Unpredictable(
      absl::StrCat("token of ", ref.job, " attempt ", ref.attempt));
  // The intent is on disk before the process exists; its id follows.
  const server::ProcessRecord& process =
      AddProcess(decision, entry, places, token);
  const bool by_engine = process.slots_size() > 0;
  BeginAttemptAccount(entry.record.Mutable(), attempt.resume_step());
  entry.live = LiveAttempt();
  // In an engine it may wait for long before it begins.
  if (!by_engine) {
    entry.live.time_limit = decision.now() + TimeLimitOf(job.spec());
  }
  AddLive(decision.state(), entry);
  decision.state().pool.Reserve(ref.job, places);
  decision.SetState(entry, v1::Job::STARTING, v1::Event::INFO,
                    InWords(job, attempt, job.origin().name()));
  decision.Do(PutTokenEffect{process.token_sha256(), ref});
  decision.Do(OpenRendezvousEffect{ref, attempt.ranks_size(),
                                   /*joined_before=*/false, by_engine});
  decision.Launch(entry, {.attempt = ref,
                          .job_uid = job.uid(),
                          .spec = job.spec(),
                          .token = token,
                          .ranks = RanksAt(places),
                          .avoid_nodes = AvoidedNodes(entry)});
}

void OnLaunched(Decision& decision, const LaunchedEvent& event) {
  absl::StatusOr<JobEntry*> found = decision.Find(event.attempt.job);
  if (!found.ok()) return;
  JobEntry& entry = **found;
  entry.launching.erase(event.attempt.attempt);
  if (!event.process.ok()) entry.watched.erase(event.attempt.attempt);
  server::ProcessRecord* process = MutableProcess(entry, event.attempt.attempt);
  // It may have ended before its start was told.
  if (process == nullptr || process->ended()) return;
  if (event.process.ok()) {
    process->set_process_id(event.process->process_id());
    process->set_start_ticks(event.process->start_ticks());
    process->set_boot_id(event.process->boot_id());
    decision.Touch(entry);
    return;
  }
  if (event.attempt.attempt == 0) {
    OnPrepareLaunchFailed(decision, entry, event.process.status());
    return;
  }
  worker::v1::RankFailure verdict;
  verdict.set_cause(v1::Attempt::ENGINE_ERROR);
  verdict.set_message(absl::StrCat("the ranks cannot be started: ",
                                   event.process.status().message()));
  if (!entry.live.verdict.has_value()) entry.live.verdict = verdict;
  EndAttempt(decision, entry, {.attempt = event.attempt, .ranks = {}});
}

void OnAttached(Decision& decision, const AttachedEvent& event) {
  const worker::v1::AttachRequest& report = event.report;
  absl::StatusOr<JobEntry*> found =
      FindLive(decision, report.caller().job(), report.caller().attempt());
  decision.Ack(event.ticket, found.status());
  if (!found.ok()) return;
  JobEntry& entry = **found;
  LearnNode(decision, entry, report);
  v1::Attempt& attempt = *MutableLiveAttempt(entry);
  if (LearnPids(report, attempt)) decision.Touch(entry);
  if (attempt.state() == v1::Attempt::SUBMITTED) {
    attempt.set_state(v1::Attempt::RENDEZVOUS);
    decision.Touch(entry);
  }
  if (!report.ended()) return;
  for (const worker::v1::RankProcess& rank : report.ranks()) {
    if (rank.rank() < 0 || rank.rank() >= attempt.ranks_size()) continue;
    entry.live.ended[rank.rank()] = rank;
  }
  StopOtherHosts(decision, entry, report);
  EndGang(decision, entry);
}

void OnReported(Decision& decision, const ReportedEvent& event) {
  absl::StatusOr<JobEntry*> found =
      FindLive(decision, event.caller.job(), event.caller.attempt());
  if (!found.ok()) return;
  JobEntry& entry = **found;
  for (const v1::Event& told : event.events) {
    // Not for a rank to say: it ends a watch.
    if (told.type() == kJobDeleted) continue;
    decision.Record(entry, told.severity(), told.type(), told.message(),
                    event.caller.attempt());
  }
  if (event.failure.has_value()) {
    const auto [position, first] =
        entry.live.failures.try_emplace(event.caller.rank(), *event.failure);
    if (first) {
      decision.Record(entry, v1::Event::ERROR, "RANK_FAILED",
                      absl::StrCat("rank ", event.caller.rank(), ": ",
                                   event.failure->message()),
                      event.caller.attempt());
    }
  }
  if (!event.progress.has_value()) return;
  // On disk with the next change of the row; until then the store shows it.
  *entry.record.MutableJob().mutable_progress() = *event.progress;
  decision.Do(ProgressEffect{entry.job().name(), *event.progress});
  NoteProgress(decision, entry, event.progress->step());
  v1::Attempt& attempt = *MutableLiveAttempt(entry);
  if (event.progress->step() <= 0 || entry.job().state() != v1::Job::STARTING ||
      attempt.state() == v1::Attempt::DRAINING) {
    return;
  }
  attempt.set_state(v1::Attempt::RUNNING);
  decision.SetState(entry, v1::Job::RUNNING, v1::Event::INFO,
                    absl::StrCat("step ", event.progress->step(), " is done"));
}

void OnRendezvous(Decision& decision, const RendezvousEvent& event) {
  const Rendezvous::Outcome& outcome = event.outcome;
  absl::StatusOr<JobEntry*> found =
      FindLive(decision, outcome.attempt.job, outcome.attempt.attempt);
  if (!found.ok()) return;
  JobEntry& entry = **found;
  v1::Attempt& attempt = *MutableLiveAttempt(entry);
  if (!outcome.missing.empty()) {
    // One that is being stopped waits for nobody.
    if (attempt.state() != v1::Attempt::DRAINING) {
      RecordMissing(decision, entry, outcome);
    }
    return;
  }
  // So that a restart of the coordinator does not wait for them again.
  MutableProcess(entry, outcome.attempt.attempt)->set_joined(true);
  for (const worker::v1::JoinRequest& join : outcome.joined) {
    if (join.caller().rank() >= attempt.ranks_size()) continue;
    v1::RankPlacement& rank = *attempt.mutable_ranks(join.caller().rank());
    rank.set_pid(join.pid());
    if (rank.device().empty()) rank.set_device(join.device());
    if (rank.node().empty()) rank.set_node(join.node());
  }
  decision.Record(
      entry, v1::Event::INFO, "RANKS_JOINED",
      attempt.ranks_size() == 1
          ? "the one rank joined"
          : absl::StrCat("all ", attempt.ranks_size(), " ranks joined"),
      outcome.attempt.attempt);
  decision.Do(WelcomeEffect{outcome.attempt, attempt.ranks_size()});
}

}  // namespace lockstep
