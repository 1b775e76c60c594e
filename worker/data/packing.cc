#include "worker/data/packing.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "proto/contract/check.h"

namespace lockstep {
namespace {

std::vector<Bin> OneBinADocument(const std::vector<int64_t>& lengths,
                                 const std::vector<int64_t>& order) {
  std::vector<Bin> bins;
  bins.reserve(order.size());
  for (const int64_t document : order) {
    bins.push_back({{document}, lengths[document]});
  }
  return bins;
}

// Bins hold positions in `order` here, so that sorting them restores it.
std::vector<Bin> BestFitDecreasing(const std::vector<int64_t>& lengths,
                                   int64_t max_length,
                                   const std::vector<int64_t>& order) {
  std::vector<int64_t> positions(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    positions[i] = static_cast<int64_t>(i);
  }
  const auto length_at = [&](int64_t p) { return lengths[order[p]]; };
  std::stable_sort(
      positions.begin(), positions.end(),
      [&](int64_t a, int64_t b) { return length_at(a) > length_at(b); });

  std::vector<Bin> bins;
  // (room left, bin): the first entry with enough room is the fullest bin.
  std::set<std::pair<int64_t, size_t>> room;
  for (const int64_t position : positions) {
    const int64_t length = length_at(position);
    LOCKSTEP_CHECK(length <= max_length);
    const auto fit = room.lower_bound({length, 0});
    size_t bin = bins.size();
    int64_t left = max_length;
    if (fit == room.end()) {
      bins.emplace_back();
    } else {
      std::tie(left, bin) = *fit;
      room.erase(fit);
    }
    bins[bin].documents.push_back(position);
    bins[bin].tokens += length;
    room.emplace(left - length, bin);
  }
  return bins;
}

}  // namespace

std::vector<Bin> PackDocuments(const std::vector<int64_t>& lengths,
                               v1::DataSpec::Packing packing,
                               int64_t max_length,
                               const std::vector<int64_t>& order) {
  if (packing != v1::DataSpec::PACKING_BFD) {
    return OneBinADocument(lengths, order);
  }
  std::vector<Bin> bins = BestFitDecreasing(lengths, max_length, order);
  for (Bin& bin : bins) {
    std::sort(bin.documents.begin(), bin.documents.end());
  }
  std::sort(bins.begin(), bins.end(), [](const Bin& a, const Bin& b) {
    return a.documents.front() < b.documents.front();
  });
  for (Bin& bin : bins) {
    for (int64_t& document : bin.documents) document = order[document];
  }
  return bins;
}

}  // namespace lockstep
