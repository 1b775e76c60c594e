#include "worker/comm/nccl_communicator.h"

#include <ATen/ATen.h>
#include <cuda_runtime_api.h>
#include <nccl.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "kernels/cuda_status.h"
#include "proto/contract/end_cause.h"
#include "proto/contract/errors.h"
#include "proto/contract/status_macros.h"
#include "worker/comm/collective_history.h"

namespace lockstep {
namespace {

// The default stream, which the engine computes on.
constexpr cudaStream_t kStream = nullptr;

// Between two looks at what a GPU is doing.
constexpr absl::Duration kLook = absl::Microseconds(20);

absl::StatusOr<ncclDataType_t> TypeOf(const at::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case at::kFloat:
      return ncclFloat32;
    case at::kDouble:
      return ncclFloat64;
    case at::kBFloat16:
      return ncclBfloat16;
    case at::kLong:
      return ncclInt64;
    case at::kInt:
      return ncclInt32;
    case at::kByte:
      return ncclUint8;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("NCCL is not asked for tensors of type ",
                       at::toString(tensor.scalar_type())));
  }
}

// A mark in a stream.
class Event {
 public:
  Event() { cudaEventCreateWithFlags(&event_, cudaEventDisableTiming); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  absl::Status Record(cudaStream_t stream) {
    return CudaStatus("record an event", cudaEventRecord(event_, stream));
  }
  // What is put on `stream` from here on waits for it.
  absl::Status Hold(cudaStream_t stream) const {
    return CudaStatus("order two streams",
                      cudaStreamWaitEvent(stream, event_, /*flags=*/0));
  }
  absl::StatusOr<bool> Done() const {
    const cudaError_t state = cudaEventQuery(event_);
    if (state == cudaErrorNotReady) return false;
    RETURN_IF_ERROR(CudaStatus("wait for the GPU", state));
    return true;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

// A stream that the default stream does not wait for, nor it for that one. Its
// kernels get the next multiprocessors that are free, before those of the
// model: the other ranks wait for them.
class SideStream {
 public:
  SideStream() = default;
  ~SideStream() {
    if (stream_ != nullptr) cudaStreamDestroy(stream_);
  }
  SideStream(const SideStream&) = delete;
  SideStream& operator=(const SideStream&) = delete;

  absl::Status Create() {
    int least = 0, greatest = 0;
    RETURN_IF_ERROR(
        CudaStatus("ask for the priorities of streams",
                   cudaDeviceGetStreamPriorityRange(&least, &greatest)));
    return CudaStatus("make a stream",
                      cudaStreamCreateWithPriority(
                          &stream_, cudaStreamNonBlocking, greatest));
  }
  cudaStream_t get() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

// Of a collective that was begun: the GPU came to it, and is through with it.
struct Flight {
  Event reached;
  Event done;
};

class NcclCommunicator : public Communicator {
 public:
  NcclCommunicator(std::unique_ptr<Communicator> host,
                   const NcclOptions& options)
      : host_(std::move(host)), options_(options) {}

  // A group in good order leaves together.
  ~NcclCommunicator() override {
    if (comm_ == nullptr) return;
    const bool left = !aborted_ && begun_ == 0 &&
                      Started(ncclCommFinalize(comm_), "leave").ok() &&
                      ncclCommDestroy(comm_) == ncclSuccess;
    if (!left) ncclCommAbort(comm_);
  }

  absl::Status Connect(const ncclUniqueId& id) {
    RETURN_IF_ERROR(stream_.Create());
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    const ncclResult_t result =
        ncclCommInitRankConfig(&comm_, world_size(), id, rank(), &config);
    return Started(result, "connect");
  }

  int rank() const override { return host_->rank(); }
  int world_size() const override { return host_->world_size(); }
  bool Overlaps() const override { return true; }

  absl::Status AllReduceSum(at::Tensor& buffer) override {
    RETURN_IF_ERROR(BeginAllReduceSum(buffer));
    return FinishBegun();
  }

  absl::Status BeginAllReduceSum(const at::Tensor& buffer) override {
    if (buffer.is_cpu()) return host_->BeginAllReduceSum(buffer);
    ASSIGN_OR_RETURN(const ncclDataType_t type, TypeOf(buffer));
    return Begin("all-reduce", buffer.nbytes(), [&] {
      return ncclAllReduce(buffer.data_ptr(), buffer.data_ptr(), buffer.numel(),
                           type, ncclSum, comm_, stream_.get());
    });
  }

  absl::Status BeginAllGather(const at::Tensor& input,
                              const at::Tensor& output) override {
    if (input.is_cpu()) return host_->BeginAllGather(input, output);
    ASSIGN_OR_RETURN(const ncclDataType_t type, TypeOf(input));
    return Begin("all-gather", output.nbytes(), [&] {
      return ncclAllGather(input.data_ptr(), output.data_ptr(), input.numel(),
                           type, comm_, stream_.get());
    });
  }

  absl::Status FinishBegun() override {
    RETURN_IF_ERROR(host_->FinishBegun());
    return Finish("collectives");
  }

  absl::Status Broadcast(at::Tensor& buffer, int root) override {
    if (buffer.is_cpu()) return host_->Broadcast(buffer, root);
    ASSIGN_OR_RETURN(const ncclDataType_t type, TypeOf(buffer));
    return Run("broadcast", buffer.nbytes(), [&] {
      return ncclBroadcast(buffer.data_ptr(), buffer.data_ptr(), buffer.numel(),
                           type, root, comm_, stream_.get());
    });
  }

  absl::Status Barrier() override { return host_->Barrier(); }

  void Abort() override {
    aborted_ = true;
    host_->Abort();
  }

 private:
  // `start` puts one collective on the stream.
  using Start = std::function<ncclResult_t()>;

  absl::Status Run(const char* name, size_t bytes, const Start& start) {
    RETURN_IF_ERROR(Begin(name, bytes, start));
    return Finish(name);
  }

  absl::Status Begin(const char* name, size_t bytes, const Start& start) {
    if (aborted_) return AfterAbort(name);
    history_.Begin(name, bytes);
    if (options_.newest != nullptr) options_.newest->Enter(name, bytes);
    return LeaveUnlessOk(Launch(start));
  }

  // An abort does not keep it from leaving those that were begun.
  absl::Status Finish(const char* name) {
    if (aborted_ && begun_ == 0) return AfterAbort(name);
    return LeaveUnlessOk(AwaitAll());
  }

  absl::Status LeaveUnlessOk(const absl::Status& status) {
    if (status.ok()) return status;
    Leave();
    return Marked(status);
  }

  // With the end cause of what went wrong on the GPU. A lost peer is marked by
  // nobody.
  static absl::Status Marked(const absl::Status& status) {
    if (!absl::IsInternal(status) && !absl::IsDeadlineExceeded(status)) {
      return status;
    }
    return errors::Error(
        status.code(),
        EndCauseName(absl::IsInternal(status) ? v1::Attempt::GPU_FAULT
                                              : v1::Attempt::HANG),
        status.message());
  }

  // The kernel of a collective that failed waits on the GPU until it is told to
  // stop, and whatever frees memory or handles there waits for it.
  void Leave() {
    aborted_ = true;
    ncclCommAbort(comm_);
    comm_ = nullptr;
    begun_ = 0;
  }

  absl::Status Launch(const Start& start) {
    if (begun_ == flights_.size()) {
      flights_.push_back(std::make_unique<Flight>());
    }
    Flight& flight = *flights_[begun_++];
    RETURN_IF_ERROR(computed_.Record(kStream));
    RETURN_IF_ERROR(computed_.Hold(stream_.get()));
    RETURN_IF_ERROR(flight.reached.Record(stream_.get()));
    RETURN_IF_ERROR(Started(start(), "start a collective"));
    return flight.done.Record(stream_.get());
  }

  // In the order in which the GPU gets to them.
  absl::Status AwaitAll() {
    for (size_t i = 0; i < begun_; ++i) {
      // What the GPU had to compute before is not the collective's.
      RETURN_IF_ERROR(Await(flights_[i]->reached, absl::InfiniteFuture()));
      const absl::Time reached = absl::Now();
      RETURN_IF_ERROR(Await(flights_[i]->done, reached + options_.timeout));
      history_.End(absl::Now() - reached);
      if (options_.newest != nullptr) options_.newest->Leave();
    }
    begun_ = 0;
    return absl::OkStatus();
  }

  absl::Status Await(const Event& event, absl::Time deadline) {
    while (true) {
      ASSIGN_OR_RETURN(const bool done, event.Done());
      if (done) return absl::OkStatus();
      RETURN_IF_ERROR(State().status());
      if (aborted_) return absl::UnavailableError("aborted");
      if (absl::Now() > deadline) {
        return TooLate(options_.timeout, history_.Describe());
      }
      absl::SleepFor(kLook);
    }
  }

  // Of a call to NCCL that may go on in the background.
  absl::Status Started(ncclResult_t result, const char* what) {
    const absl::Time deadline = absl::Now() + options_.rendezvous_timeout;
    if (result != ncclSuccess && result != ncclInProgress) {
      return Failed(result);
    }
    while (true) {
      ASSIGN_OR_RETURN(const bool ready, State());
      if (ready) return absl::OkStatus();
      // The first collective of a group connects it, and waits for all of it.
      if (aborted_) return absl::UnavailableError("aborted");
      if (absl::Now() > deadline) {
        return absl::DeadlineExceededError(absl::StrCat(
            "NCCL could not ", what, ", rank ", rank(), " of ", world_size(),
            ", within ", absl::FormatDuration(options_.rendezvous_timeout),
            "; NCCL_DEBUG=INFO tells more"));
      }
      absl::SleepFor(kLook);
    }
  }

  // Whether NCCL is done with what it was asked to start.
  absl::StatusOr<bool> State() {
    ncclResult_t state = ncclSuccess;
    const ncclResult_t result = ncclCommGetAsyncError(comm_, &state);
    if (result != ncclSuccess) return Failed(result);
    if (state != ncclSuccess && state != ncclInProgress) return Failed(state);
    return state == ncclSuccess;
  }

  absl::Status Failed(ncclResult_t result) const {
    const std::string message =
        absl::StrCat("NCCL of rank ", rank(), " of ", world_size(),
                     " failed: ", ncclGetErrorString(result), ", ",
                     ncclGetLastError(comm_), "; ", history_.Describe());
    return result == ncclUnhandledCudaError ? absl::InternalError(message)
                                            : absl::UnavailableError(message);
  }

  const std::unique_ptr<Communicator> host_;
  const NcclOptions options_;
  ncclComm_t comm_ = nullptr;
  SideStream stream_;
  // All of kStream up to the newest collective.
  Event computed_;
  // The first begun_ are in flight; the others are kept for the next.
  std::vector<std::unique_ptr<Flight>> flights_;
  size_t begun_ = 0;
  CollectiveHistory history_;
  std::atomic<bool> aborted_ = false;
};

// One id a group, made by rank 0, which from then on listens for the others.
absl::StatusOr<ncclUniqueId> ShareId(Coordinator& coordinator, int rank,
                                     absl::Duration timeout) {
  constexpr char kKey[] = "nccl_id";
  ncclUniqueId id;
  if (rank == 0) {
    const ncclResult_t result = ncclGetUniqueId(&id);
    if (result != ncclSuccess) {
      return absl::UnavailableError(absl::StrCat(
          "NCCL finds no network interface to meet at: ",
          ncclGetErrorString(result), ", ", ncclGetLastError(nullptr)));
    }
    RETURN_IF_ERROR(coordinator.SetKey(
        kKey, absl::BytesToHexString({id.internal, sizeof(id.internal)})));
    return id;
  }
  ASSIGN_OR_RETURN(const std::string hex, coordinator.WaitKey(kKey, timeout));
  const std::string bytes = absl::HexStringToBytes(hex);
  if (bytes.size() != sizeof(id.internal)) {
    return absl::InternalError(absl::StrCat(
        "the id of the NCCL group has ", bytes.size(), " bytes instead of ",
        sizeof(id.internal), "; ranks of one job must be of one release"));
  }
  std::memcpy(id.internal, bytes.data(), bytes.size());
  return id;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Communicator>> ConnectNccl(
    Coordinator& coordinator, std::unique_ptr<Communicator> host,
    const NcclOptions& options) {
  ASSIGN_OR_RETURN(const ncclUniqueId id, ShareId(coordinator, host->rank(),
                                                  options.rendezvous_timeout));
  auto communicator =
      std::make_unique<NcclCommunicator>(std::move(host), options);
  RETURN_IF_ERROR(communicator->Connect(id));
  return communicator;
}

}  // namespace lockstep
