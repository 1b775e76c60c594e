#ifndef LOCKSTEP_CLIENT_CLI_TOP_STATE_H_
#define LOCKSTEP_CLIENT_CLI_TOP_STATE_H_

// What `lockstep top` knows and what its user has chosen; keys and news change
// it, top_view.h draws it. No terminal and no coordinator in here.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/terminal.h"
#include "lockstep/v1/cluster_service.pb.h"
#include "lockstep/v1/job.pb.h"

namespace lockstep::cli {

// What the coordinator said last.
struct TopNews {
  std::vector<v1::Job> jobs;
  std::vector<v1::Node> nodes;
  std::string error;  // Why there is nothing newer; empty when all is well.
};

// Below the table: the loss of the selected job, its log, or nothing.
enum class TopPane { kPlot, kLog, kNone };

enum class TopOrder { kActiveFirst, kName, kSpeed };

// What a key asks of the coordinator, or of the program.
struct TopRequest {
  enum Kind { kQuit, kCancel, kPause, kResume };
  Kind kind = kQuit;
  std::string job;  // Id.
};

class TopState {
 public:
  // `job` is selected if it is there, and else the first one.
  explicit TopState(std::string job, TopPane pane = TopPane::kPlot)
      : selected_(std::move(job)), pane_(pane) {}

  std::optional<TopRequest> OnKey(const Key& key);
  void OnNews(TopNews news);
  // A line at the bottom, until the next key. A question stays.
  void SetMessage(std::string message);

  // In the chosen order.
  const std::vector<v1::Job>& jobs() const { return news_.jobs; }
  const std::vector<v1::Node>& nodes() const { return news_.nodes; }
  const std::string& error() const { return news_.error; }
  // Whether the coordinator has ever answered.
  bool heard() const { return heard_; }
  // Id; empty when there is no job.
  const std::string& selected() const { return selected_; }
  // Its place in jobs().
  size_t selected_index() const;
  TopPane pane() const { return pane_; }
  TopOrder order() const { return order_; }
  bool help() const { return help_; }
  const std::string& message() const { return message_; }

 private:
  std::optional<TopRequest> OnCharacter(char character);
  std::optional<TopRequest> PauseOrResume();
  // Says so if it is not.
  bool SelectedIsAlive();
  void Move(int by);
  void Sort();

  TopNews news_;
  std::string selected_;
  TopPane pane_;
  TopOrder order_ = TopOrder::kActiveFirst;
  bool heard_ = false;
  bool help_ = false;
  std::string message_;
  std::string to_cancel_;  // Asked about.
};

}  // namespace lockstep::cli

#endif  // LOCKSTEP_CLIENT_CLI_TOP_STATE_H_
