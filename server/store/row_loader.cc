#include "server/store/row_loader.h"

#include <string>
#include <utility>

#include "server/store/crc32c.h"

namespace lockstep {
namespace {

// Half a megabyte of usual rows: enough to be worth a wake.
constexpr size_t kRowsABatch = 256;
constexpr size_t kWaitingAThread = 4;

}  // namespace

struct RowLoader::Batch {
  struct Place {
    int64_t order = 0;
    int64_t crc = 0;
    size_t begin = 0;
    size_t size = 0;
  };

  std::string bytes;
  std::vector<Place> places;
  // Of all places, unless one is damaged.
  std::vector<Row> rows;
  bool damaged = false;

  void Parse() {
    rows.reserve(places.size());
    for (const Place& place : places) {
      const absl::string_view record(bytes.data() + place.begin, place.size);
      server::JobRecord parsed;
      damaged = Crc32c(record) != place.crc ||
                !parsed.ParseFromArray(record.data(),
                                       static_cast<int>(record.size()));
      if (damaged) return;
      rows.push_back({place.order, MakeJobRow(std::move(parsed))});
    }
  }
};

RowLoader::RowLoader(int threads)
    : most_waiting_(kWaitingAThread * static_cast<size_t>(threads)),
      filling_(std::make_unique<Batch>()) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

RowLoader::~RowLoader() { Stop(); }

void RowLoader::Add(int64_t order, int64_t crc, absl::string_view bytes) {
  filling_->places.push_back(
      {order, crc, filling_->bytes.size(), bytes.size()});
  filling_->bytes.append(bytes.data(), bytes.size());
  if (filling_->places.size() == kRowsABatch) Pass();
}

void RowLoader::Pass() {
  batches_.push_back(std::exchange(filling_, std::make_unique<Batch>()));
  Batch* batch = batches_.back().get();
  bool full;
  {
    absl::MutexLock lock(&mu_);
    full = waiting_.size() == most_waiting_;
    if (!full) waiting_.push_back(batch);
  }
  if (full) Parse(*batch);
  absl::MutexLock lock(&mu_);
  if (spare_.empty()) return;
  filling_->bytes = std::move(spare_.back());
  spare_.pop_back();
}

void RowLoader::Parse(Batch& batch) {
  batch.Parse();
  batch.bytes.clear();
  absl::MutexLock lock(&mu_);
  spare_.push_back(std::move(batch.bytes));
}

void RowLoader::Run() {
  const auto work = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return !waiting_.empty() || stopping_;
  };
  while (true) {
    Batch* batch = nullptr;
    {
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(&work));
      if (waiting_.empty()) return;
      batch = waiting_.front();
      waiting_.pop_front();
    }
    Parse(*batch);
  }
}

void RowLoader::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

absl::StatusOr<std::vector<RowLoader::Row>> RowLoader::Finish() {
  Parse(*filling_);
  batches_.push_back(std::move(filling_));
  Stop();
  std::vector<Row> rows;
  for (const std::unique_ptr<Batch>& batch : batches_) {
    if (batch->damaged) return absl::DataLossError("damaged");
    for (Row& row : batch->rows) rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace lockstep
