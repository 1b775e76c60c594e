#include "client/cli/rank_logs.h"

#include <algorithm>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "client/cli/json.h"
#include "client/cli/log_since.h"
#include "proto/contract/errors.h"
#include "proto/contract/status_macros.h"

namespace lockstep::cli {
namespace {

// A line that is longer comes in pieces, so that none has to be held whole.
constexpr size_t kLongestLine = 64 << 10;

// Puts what several threads read on one stream, whole lines at a time.
class RankLogPrinter {
 public:
  RankLogPrinter(const Console& console, int ranks)
      : console_(console), digits_(absl::StrCat(ranks - 1).size()) {}

  // Keeps in `rest` what has no end yet.
  void Print(int rank, const v1::StreamLogsResponse& lines, std::string& rest) {
    if (console_.json) return PrintJson(rank, lines);
    rest += lines.data();
    std::string text;
    size_t begin = 0;
    for (size_t end = 0; (end = rest.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
      AppendLine(rank, rest.substr(begin, end - begin), text);
    }
    rest.erase(0, begin);
    if (rest.size() > kLongestLine) Finish(rank, rest, text);
    Write(text);
  }

  void Finish(int rank, std::string& rest) {
    std::string text;
    if (!rest.empty()) Finish(rank, rest, text);
    Write(text);
  }

  void Note(int rank, absl::string_view message) {
    absl::MutexLock lock(&mu_);
    if (!console_.quiet) {
      console_.err << "rank " << rank << ": " << message << "\n" << std::flush;
    }
  }

 private:
  void AppendLine(int rank, absl::string_view line, std::string& text) const {
    const std::string number = absl::StrCat(rank);
    absl::StrAppend(&text, "rank ", std::string(digits_ - number.size(), ' '),
                    number, " | ", line, "\n");
  }

  void Finish(int rank, std::string& rest, std::string& text) const {
    AppendLine(rank, rest, text);
    rest.clear();
  }

  void PrintJson(int rank, const v1::StreamLogsResponse& lines) {
    // The message is an object; the rank becomes its first member.
    const std::string object = ToJsonLine(lines);
    Write(absl::StrCat("{\"rank\":", rank, object == "{}" ? "" : ",",
                       object.substr(1), "\n"));
  }

  void Write(const std::string& text) {
    if (text.empty()) return;
    absl::MutexLock lock(&mu_);
    console_.out << text << std::flush;
  }

  absl::Mutex mu_;
  const Console& console_;  // Its streams under the lock.
  const size_t digits_;
};

absl::Status PrintRank(v1::StreamLogsRequest request, int rank,
                       JobClient client, RankLogPrinter& printer) {
  request.set_rank(rank);
  ASSIGN_OR_RETURN(const std::string note, UntimedNote(request, client));
  if (!note.empty()) printer.Note(rank, note);
  std::string rest;
  absl::Status status =
      client.Logs(request, [&](const v1::StreamLogsResponse& lines) {
        printer.Print(rank, lines, rest);
      });
  printer.Finish(rank, rest);
  return status;
}

// The first error that is more than a log that is not there; that if there is
// no log at all.
absl::Status Summary(const std::vector<absl::Status>& of_ranks,
                     RankLogPrinter& printer) {
  size_t missing = 0;
  for (const absl::Status& status : of_ranks) {
    if (status.ok()) continue;
    if (ErrorReason(status) != "LOG_NOT_FOUND") return status;
    ++missing;
  }
  if (missing == of_ranks.size()) return of_ranks.front();
  for (size_t rank = 0; rank < of_ranks.size(); ++rank) {
    if (!of_ranks[rank].ok()) {
      printer.Note(static_cast<int>(rank), of_ranks[rank].message());
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status PrintRankLogs(const CommandContext& context,
                           const v1::StreamLogsRequest& request, int ranks,
                           JobClient& client) {
  RankLogPrinter printer(context.console, ranks);
  std::vector<absl::Status> of_ranks(ranks);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    const auto read = [&, rank] {
      of_ranks[rank] = PrintRank(request, rank, client, printer);
    };
    if (request.follow()) {
      threads.emplace_back(read);
    } else {
      read();
    }
  }
  for (std::thread& thread : threads) thread.join();
  return Summary(of_ranks, printer);
}

}  // namespace lockstep::cli
