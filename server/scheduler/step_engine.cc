// Attempts that an engine places: Slurm, which decides when and on which hosts
// they run. What the workers say themselves is trusted more; the engine says
// why an attempt waits, that it has begun, and why it ended where they cannot.

#include <algorithm>
#include <optional>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/scheduler/attempt_end.h"
#include "server/scheduler/proto_time.h"
#include "server/scheduler/step_parts.h"

namespace lockstep {
namespace {

bool Waits(const JobEntry& entry) {
  const server::ProcessRecord* process =
      FindProcess(entry, entry.job().attempt());
  return process != nullptr && process->slots_size() > 0 &&
         !process->has_engine_start_time() && !entry.live.attached;
}

void SayMessage(Decision& decision, JobEntry& entry,
                const std::string& message) {
  if (LiveAttemptOf(entry.job())->engine_message() == message) return;
  MutableLiveAttempt(entry)->set_engine_message(message);
  decision.Touch(entry);
}

void LearnId(Decision& decision, JobEntry& entry, const std::string& id) {
  server::ProcessRecord& process =
      *MutableProcess(entry, entry.job().attempt());
  if (id.empty() || process.engine_id() == id) return;
  process.set_engine_id(id);
  MutableLiveAttempt(entry)->set_engine_id(id);
  decision.Record(entry, v1::Event::INFO, "ENGINE_JOB",
                  absl::StrCat("it is Slurm job ", id), entry.job().attempt());
}

void OnGone(Decision& decision, JobEntry& entry, ProcessEnd end) {
  if (entry.live.attached) {
    decision.Record(entry, v1::Event::WARNING, "ENGINE_LOST_JOB",
                    "Slurm does not know its job any more, and its workers go "
                    "on; they are trusted",
                    entry.job().attempt());
    return;
  }
  if (end.ranks.empty()) {
    end.engine = EngineEnd{.cause = v1::Attempt::LOST,
                           .message =
                               "Slurm has no job of it: it was lost, or "
                               "never submitted"};
  }
  EndAttempt(decision, entry, end);
}

// Ranks that have said nothing for long, and have not ended.
std::set<int> Unheard(const LiveAttempt& live) {
  std::set<int> ranks = live.silent;
  for (const auto& [rank, process] : live.ended) ranks.erase(rank);
  return ranks;
}

// Those all of whose ranks are.
std::set<std::string> NodesOnlyOf(const v1::Attempt& attempt,
                                  const std::set<int>& ranks) {
  std::set<std::string> nodes;
  for (const int rank : ranks) {
    if (rank < attempt.ranks_size()) nodes.insert(attempt.ranks(rank).node());
  }
  for (const v1::RankPlacement& rank : attempt.ranks()) {
    if (!ranks.contains(rank.rank())) nodes.erase(rank.node());
  }
  // Where nobody has said yet.
  nodes.erase("");
  return nodes;
}

// The ranks that have told their end, as one.
ProcessEnd ToldEnd(const JobEntry& entry) {
  ProcessEnd end{.attempt = {entry.job().name(), entry.job().attempt()},
                 .ranks = {}};
  for (const auto& [rank, process] : entry.live.ended) {
    end.ranks.push_back(process);
  }
  return end;
}

void DeclareLost(Decision& decision, JobEntry& entry,
                 const std::set<std::string>& nodes, absl::string_view why) {
  const std::string message = absl::StrCat(
      nodes.size() == 1 ? "node " : "nodes ", absl::StrJoin(nodes, ", "),
      nodes.size() == 1 ? " is lost: " : " are lost: ", why);
  entry.live.lost_nodes = nodes;
  server::ProcessRecord& process =
      *MutableProcess(entry, entry.job().attempt());
  for (const std::string& node : nodes) process.add_avoid_nodes(node);
  decision.Record(entry, v1::Event::ERROR, "NODE_LOST", message,
                  entry.job().attempt());
  // One that somebody stops, or that failed by itself, ends for that reason all
  // the same.
  if (!EngineMayKnow(entry.job(), entry.live, ToldEnd(entry))) return;
  worker::v1::RankFailure& verdict = entry.live.verdict.emplace();
  verdict.set_cause(v1::Attempt::NODE_LOST);
  verdict.set_message(message);
  // It outlives this process.
  process.set_stop_cause(v1::Attempt::NODE_LOST);
  process.set_stop_reason(message);
  StopAttempt(decision, entry);
}

// Whether its host is lost is seen a heartbeat later.
void NoteSilence(Decision& decision, JobEntry& entry) {
  const v1::Attempt& attempt = *LiveAttemptOf(entry.job());
  if (!decision.state().pool.IsOfEngine() ||
      NodesOnlyOf(attempt, Unheard(entry.live)).empty()) {
    return;
  }
  // The others, if it is this host that is cut off, are silent by then, too.
  entry.live.engine_word_due =
      std::min(entry.live.engine_word_due,
               decision.now() + decision.options().heartbeat_interval);
}

bool LoseNow(Decision& decision, JobEntry& entry, bool nobody_speaks) {
  if (!decision.state().pool.IsOfEngine() || !entry.live.lost_nodes.empty()) {
    return false;
  }
  const v1::Attempt& attempt = *LiveAttemptOf(entry.job());
  const std::set<int> unheard = Unheard(entry.live);
  // When nobody speaks it may be this host that is cut off.
  const bool some_speak =
      static_cast<int>(unheard.size()) < attempt.ranks_size();
  const std::set<std::string> nodes = NodesOnlyOf(attempt, unheard);
  if (nodes.empty() || (!some_speak && !nobody_speaks)) return false;
  DeclareLost(decision, entry, nodes,
              absl::StrCat("its ranks said nothing for ",
                           absl::FormatDuration(SilenceOf(decision.options())),
                           " and longer"));
  if (nobody_speaks) {
    entry.live.kill_at = decision.now() + decision.options().kill_after_grace;
  }
  EndGang(decision, entry);
  return true;
}

// Some hosts have told the end of their ranks, and the others, asked to stop,
// do not for too long.
bool LoseWhoDoesNotAnswer(Decision& decision, JobEntry& entry) {
  const v1::Attempt& attempt = *LiveAttemptOf(entry.job());
  if (!decision.state().pool.IsOfEngine() || entry.live.ended.empty() ||
      !entry.live.lost_nodes.empty() || decision.now() < entry.live.kill_at) {
    return false;
  }
  std::set<std::string> nodes;
  for (const v1::RankPlacement& rank : attempt.ranks()) {
    if (!entry.live.ended.contains(rank.rank())) nodes.insert(rank.node());
  }
  nodes.erase("");
  const ProcessEnd told = ToldEnd(entry);
  // Why it ended is known, and it is not they: one that never came, among them.
  if (!EngineMayKnow(entry.job(), entry.live, told)) {
    EndAttempt(decision, entry, told);
    return true;
  }
  if (nodes.empty()) return false;
  DeclareLost(decision, entry, nodes,
              "its supervisor does not tell the end of its ranks");
  EndGang(decision, entry);
  return LiveAttemptOf(entry.job()) == nullptr;
}

// The engine's clock may be another one: not before it was submitted, nor after
// this moment.
absl::Time EngineStart(const Decision& decision, const JobEntry& entry,
                       std::optional<absl::Time> told) {
  const absl::Time submitted =
      FromProto(LiveAttemptOf(entry.job())->start_time());
  return std::min(std::max(told.value_or(decision.wall()), submitted),
                  decision.wall());
}

void HoldOneBack(Decision& decision, const std::string& name,
                 const std::string& trouble) {
  Wait(decision, decision.state().jobs.at(name), v1::Job::ENGINE_DOWN,
       absl::StrCat("Slurm does not answer: ", trouble));
}

}  // namespace

void OnEngineNews(Decision& decision, const EngineNews& news) {
  absl::StatusOr<JobEntry*> found =
      FindLive(decision, news.attempt.job, news.attempt.attempt);
  if (!found.ok()) {
    // Nobody waits for its end.
    if (news.gone.has_value()) decision.Do(CloseEffect{news.attempt});
    return;
  }
  JobEntry& entry = **found;
  LearnId(decision, entry, news.id);
  if (news.started) NoteStarted(decision, entry, news.start_time);
  if (news.gone.has_value()) return OnGone(decision, entry, *news.gone);
  if (Waits(entry)) SayMessage(decision, entry, news.message);
}

void OnEngineReach(Decision& decision, const EngineReach& reach) {
  SchedulerState& state = decision.state();
  state.engine_trouble = reach.trouble;
  state.schedule = true;
  if (!reach.trouble.empty()) {
    for (const auto& [name, holding] : state.live) {
      JobEntry& entry = state.jobs.at(name);
      if (!Waits(entry)) continue;
      SayMessage(decision, entry,
                 absl::StrCat("waits for Slurm, which does not answer: ",
                              reach.trouble));
    }
    return;
  }
  // The policy says it of these, and the launcher of those.
  for (const auto& [place, name] : state.backing_off) state.untold.insert(name);
  for (const auto& [key, lane] : state.line.lanes()) {
    for (const auto& [order, job] : lane) state.untold.insert(job->name);
  }
}

void HoldBackForEngine(Decision& decision) {
  const SchedulerState& state = decision.state();
  for (const auto& [key, lane] : state.line.lanes()) {
    for (const auto& [order, job] : lane) {
      HoldOneBack(decision, job->name, state.engine_trouble);
    }
  }
}

void NoteStarted(Decision& decision, JobEntry& entry,
                 std::optional<absl::Time> told) {
  server::ProcessRecord& process =
      *MutableProcess(entry, entry.job().attempt());
  const bool known = process.has_engine_start_time();
  // That it runs says nothing new of one that has started.
  if (process.slots_size() == 0 || (known && !told.has_value())) return;
  const absl::Time start = EngineStart(decision, entry, told);
  if (known && FromProto(process.engine_start_time()) <= start) return;
  *process.mutable_engine_start_time() = ToProto(start);
  // Past it already, it is not given more.
  if (!known || entry.live.time_limit != absl::InfiniteDuration()) {
    entry.live.time_limit = decision.now() + TimeLimitOf(entry.job().spec()) -
                            (decision.wall() - start);
  }
  decision.Touch(entry);
  if (known) return;
  MutableLiveAttempt(entry)->clear_engine_message();
  decision.Record(entry, v1::Event::INFO, "ENGINE_STARTED", "Slurm starts it",
                  entry.job().attempt());
  decision.Do(
      StartRendezvousEffect{{entry.job().name(), entry.job().attempt()}});
}

void LearnNode(Decision& decision, JobEntry& entry,
               const worker::v1::AttachRequest& report) {
  entry.live.attached = true;
  if (!decision.state().pool.IsOfEngine()) return;
  NoteStarted(decision, entry, /*told=*/std::nullopt);
  v1::Attempt& attempt = *MutableLiveAttempt(entry);
  for (const worker::v1::RankProcess& process : report.ranks()) {
    if (process.rank() < 0 || process.rank() >= attempt.ranks_size()) continue;
    v1::RankPlacement& rank = *attempt.mutable_ranks(process.rank());
    if (rank.node() == report.node()) continue;
    rank.set_node(report.node());
    decision.Touch(entry);
  }
}

bool LoseSilentNodes(Decision& decision, JobEntry& entry, bool nobody_speaks) {
  if (nobody_speaks) return LoseNow(decision, entry, nobody_speaks);
  NoteSilence(decision, entry);
  return false;
}

bool StopLostAgain(Decision& decision, JobEntry& entry) {
  const server::ProcessRecord* process =
      FindProcess(entry, entry.job().attempt());
  if (process == nullptr || process->stop_cause() != v1::Attempt::NODE_LOST) {
    return false;
  }
  worker::v1::RankFailure& verdict = entry.live.verdict.emplace();
  verdict.set_cause(v1::Attempt::NODE_LOST);
  verdict.set_message(process->stop_reason());
  entry.live.lost_nodes = {process->avoid_nodes().begin(),
                           process->avoid_nodes().end()};
  StopAttempt(decision, entry);
  return true;
}

void EndGang(Decision& decision, JobEntry& entry) {
  const v1::Attempt& attempt = *LiveAttemptOf(entry.job());
  for (const v1::RankPlacement& rank : attempt.ranks()) {
    if (!entry.live.ended.contains(rank.rank()) &&
        !entry.live.lost_nodes.contains(rank.node())) {
      return;
    }
  }
  const ProcessEnd end = ToldEnd(entry);
  if (decision.state().pool.IsOfEngine() &&
      EngineMayKnow(entry.job(), entry.live, end)) {
    if (entry.live.engine_word_due == absl::InfiniteDuration()) {
      entry.live.engine_word_due =
          decision.now() + decision.options().engine_word;
    }
    return;
  }
  EndAttempt(decision, entry, end);
}

bool EndWithoutEngine(Decision& decision, JobEntry& entry) {
  if (LoseWhoDoesNotAnswer(decision, entry)) return true;
  const bool lost =
      !entry.live.lost_nodes.empty() && decision.now() >= entry.live.kill_at;
  if (!lost && decision.now() < entry.live.engine_word_due) return false;
  entry.live.engine_word_due = absl::InfiniteDuration();
  const int ranks = LiveAttemptOf(entry.job())->ranks_size();
  if (!lost && static_cast<int>(entry.live.ended.size()) < ranks) {
    LoseNow(decision, entry, /*nobody_speaks=*/false);
    return LiveAttemptOf(entry.job()) == nullptr;
  }
  EndAttempt(decision, entry, ToldEnd(entry));
  return true;
}

std::set<std::string> NodesToAvoid(const v1::Attempt& attempt,
                                   const LiveAttempt& live,
                                   const ProcessEnd& end,
                                   v1::Attempt::EndCause cause,
                                   const std::set<int>& faulty_ranks) {
  std::set<std::string> nodes;
  for (const int rank : faulty_ranks) {
    if (rank < attempt.ranks_size()) nodes.insert(attempt.ranks(rank).node());
  }
  nodes.erase("");
  if (cause != v1::Attempt::NODE_LOST) return nodes;
  if (!live.lost_nodes.empty()) {
    const bool some_stayed = std::any_of(
        attempt.ranks().begin(), attempt.ranks().end(), [&](const auto& rank) {
          return !live.lost_nodes.contains(rank.node());
        });
    if (some_stayed) {
      nodes.insert(live.lost_nodes.begin(), live.lost_nodes.end());
    }
    return nodes;
  }
  // The engine said so: of the hosts, that whose supervisor left no word.
  std::set<std::string> silent;
  std::set<std::string> all;
  for (const v1::RankPlacement& rank : attempt.ranks()) {
    const bool told = std::any_of(
        end.ranks.begin(), end.ranks.end(),
        [&](const auto& process) { return process.rank() == rank.rank(); });
    all.insert(rank.node());
    if (!told) silent.insert(rank.node());
  }
  if (silent.size() < all.size() || all.size() == 1) {
    nodes.insert(silent.begin(), silent.end());
  }
  nodes.erase("");
  return nodes;
}

}  // namespace lockstep
