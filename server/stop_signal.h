#ifndef LOCKSTEP_SERVER_STOP_SIGNAL_H_
#define LOCKSTEP_SERVER_STOP_SIGNAL_H_

// How a daemon is asked to stop: SIGTERM, or SIGINT from a terminal. Handlers
// and not a signal mask or SIG_IGN, which the processes of jobs would inherit.

namespace lockstep {

// From now on those signals no longer end the process, and neither does a
// reader of the log that goes away (SIGPIPE). Called once, before any thread.
void CatchStopSignals();

// As if one had come. From any thread.
void RequestStop();

// Returns when one of them has come, also when that was before this call.
void WaitForStopSignal();

}  // namespace lockstep

#endif  // LOCKSTEP_SERVER_STOP_SIGNAL_H_
