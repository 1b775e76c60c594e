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

// A mark in the default stream.
class Event {
 public:
  Event() { cudaEventCreateWithFlags(&event_, cudaEventDisableTiming); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  absl::Status Record() {
    return CudaStatus("record an event", cudaEventRecord(event_, kStream));
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

class NcclCommunicator : public Communicator {
 public:
  NcclCommunicator(std::unique_ptr<Communicator> host,
                   const NcclOptions& options)
      : host_(std::move(host)), options_(options) {}

  // A group in good order leaves together.
  ~NcclCommunicator() override {
    if (comm_ == nullptr) return;
    const bool left = !aborted_ &&
                      Started(ncclCommFinalize(comm_), "leave").ok() &&
                      ncclCommDestroy(comm_) == ncclSuccess;
    if (!left) ncclCommAbort(comm_);
  }

  absl::Status Connect(const ncclUniqueId& id) {
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    const ncclResult_t result =
        ncclCommInitRankConfig(&comm_, world_size(), id, rank(), &config);
    return Started(result, "connect");
  }

  int rank() const override { return host_->rank(); }
  int world_size() const override { return host_->world_size(); }

  absl::Status AllReduceSum(at::Tensor& buffer) override {
    if (buffer.is_cpu()) return host_->AllReduceSum(buffer);
    ASSIGN_OR_RETURN(const ncclDataType_t type, TypeOf(buffer));
    return Run("all-reduce", buffer.nbytes(), [&] {
      return ncclAllReduce(buffer.data_ptr(), buffer.data_ptr(), buffer.numel(),
                           type, ncclSum, comm_, kStream);
    });
  }

  absl::StatusOr<std::vector<at::Tensor>> AllGather(
      const at::Tensor& input) override {
    if (input.is_cpu()) return host_->AllGather(input);
    ASSIGN_OR_RETURN(const ncclDataType_t type, TypeOf(input));
    std::vector<int64_t> shape = input.sizes().vec();
    shape.insert(shape.begin(), world_size());
    const at::Tensor all = at::empty(shape, input.options());
    RETURN_IF_ERROR(Run("all-gather", all.nbytes(), [&] {
      return ncclAllGather(input.data_ptr(), all.data_ptr(), input.numel(),
                           type, comm_, kStream);
    }));
    return all.unbind();
  }

  absl::Status Broadcast(at::Tensor& buffer, int root) override {
    if (buffer.is_cpu()) return host_->Broadcast(buffer, root);
    ASSIGN_OR_RETURN(const ncclDataType_t type, TypeOf(buffer));
    return Run("broadcast", buffer.nbytes(), [&] {
      return ncclBroadcast(buffer.data_ptr(), buffer.data_ptr(), buffer.numel(),
                           type, root, comm_, kStream);
    });
  }

  absl::Status Barrier() override { return host_->Barrier(); }

  void Abort() override {
    aborted_ = true;
    host_->Abort();
  }

 private:
  absl::Status Run(const char* name, size_t bytes,
                   const std::function<ncclResult_t()>& start) {
    if (aborted_) return AfterAbort(name);
    history_.Begin(name, bytes);
    absl::Status status = RunAlone(start);
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
  }

  absl::Status RunAlone(const std::function<ncclResult_t()>& start) {
    RETURN_IF_ERROR(reached_.Record());
    RETURN_IF_ERROR(Started(start(), "start a collective"));
    RETURN_IF_ERROR(done_.Record());
    // What the GPU had to compute before is not the collective's.
    RETURN_IF_ERROR(Await(reached_, absl::InfiniteFuture()));
    const absl::Time reached = absl::Now();
    RETURN_IF_ERROR(Await(done_, reached + options_.timeout));
    history_.End(absl::Now() - reached);
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
  Event reached_;
  Event done_;
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
