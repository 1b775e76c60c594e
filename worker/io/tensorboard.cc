#include "worker/io/tensorboard.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "proto/contract/status_macros.h"
#include "worker/io/file.h"

namespace lockstep {
namespace {

double WallTime() {
  return absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch());
}

// As TensorBoard's own writer names them; it reads files in this order.
std::string EventFileName() {
  static std::atomic<int> next{0};
  char host[256] = "localhost";
  gethostname(host, sizeof(host) - 1);
  return absl::StrFormat("events.out.tfevents.%010d.%s.%d.%d",
                         absl::ToUnixSeconds(absl::Now()), host, getpid(),
                         next++);
}

}  // namespace

absl::StatusOr<std::unique_ptr<TensorBoardWriter>> TensorBoardWriter::Create(
    const std::string& dir, int64_t resume_step) {
  RETURN_IF_ERROR(MakeFolder(dir));
  const std::string path = JoinPath(dir, EventFileName());
  const int fd = open(path.c_str(),
                      O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return ErrnoToStatus(errno, "create", path);
  std::unique_ptr<TensorBoardWriter> writer(new TensorBoardWriter(path, fd));
  RETURN_IF_ERROR(writer->Append(FileVersionEvent(WallTime())));
  if (resume_step > 0) {
    RETURN_IF_ERROR(
        writer->Append(SessionStartEvent(WallTime(), resume_step + 1)));
  }
  return writer;
}

TensorBoardWriter::~TensorBoardWriter() { close(fd_); }

absl::Status TensorBoardWriter::AddScalars(
    int64_t step, const std::map<std::string, double>& values) {
  return Append(ScalarsEvent(WallTime(), step, values));
}

absl::Status TensorBoardWriter::AddText(int64_t step, absl::string_view tag,
                                        absl::string_view text) {
  return Append(TextEvent(WallTime(), step, tag, text));
}

absl::Status TensorBoardWriter::AddHParams(
    const std::map<std::string, HParam>& hparams) {
  return Append(HParamsEvent(WallTime(), hparams));
}

absl::Status TensorBoardWriter::AddEnd() {
  return Append(HParamsEndEvent(WallTime()));
}

absl::Status TensorBoardWriter::Append(absl::string_view event) {
  return WriteBytes(fd_, EventRecord(event), path_);
}

}  // namespace lockstep
