#ifndef LOCKSTEP_SERVER_JOURNAL_LOGGER_H_
#define LOCKSTEP_SERVER_JOURNAL_LOGGER_H_

// Writes every journal entry to the daemon's log, so that an operator reads in
// one place what became of all jobs. Runs on the pump's thread.

#include <cstdint>
#include <memory>

#include "lockstep/v1/job.pb.h"
#include "server/events/event_log.h"
#include "server/server_log.h"
#include "server/service/stream_pump.h"

namespace lockstep {

// "jobs/a STATE_CHANGED: all ranks trained to the end".
LogEntry EntryOf(const v1::Event& event);

class JournalLogger final : public StreamPump::Stream {
 public:
  // Logs what is published from now on, behind `cursor`.
  static std::shared_ptr<JournalLogger> Start(EventLog& events,
                                              StreamPump& pump, int64_t cursor);

  void Pump() override;

 private:
  JournalLogger(EventLog& events, int64_t cursor)
      : events_(events), cursor_(cursor) {}

  EventLog& events_;
  // Of the pump's thread.
  int64_t cursor_;
  std::unique_ptr<EventLog::Subscription> subscription_;
};

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_JOURNAL_LOGGER_H_
