#include "tests/kernels/attention_oracle.h"

#include <algorithm>
#include <cmath>

namespace lockstep::testing {
namespace {

// One query of one head with the keys it sees.
struct Query {
  int64_t token;
  int64_t head;
  int64_t first_key;  // The first token of its document.
  int64_t query_column;
  int64_t key_column;
  int64_t value_column;
};

template <typename Visit>
void ForEachQuery(const AttentionCase& c, Visit visit) {
  const QkvLayout& layout = c.layout;
  for (size_t n = 0; n + 1 < c.cu_seqlens.size(); ++n) {
    for (int64_t i = c.cu_seqlens[n]; i < c.cu_seqlens[n + 1]; ++i) {
      for (int64_t h = 0; h < layout.query_heads; ++h) {
        const int64_t kv = h / (layout.query_heads / layout.kv_heads);
        visit(
            Query{.token = i,
                  .head = h,
                  .first_key = c.cu_seqlens[n],
                  .query_column = h * layout.head_dim,
                  .key_column = layout.key_begin() + kv * layout.head_dim,
                  .value_column = layout.value_begin() + kv * layout.head_dim});
      }
    }
  }
}

// log(sum_j(exp(s_j))), and the softmax of the scores.
double Softmax(const AttentionCase& c, const Query& query,
               const Doubles& qkv_TN, std::vector<double>& weights) {
  weights.clear();
  for (int64_t j = query.first_key; j <= query.token; ++j) {
    double score = 0;
    for (int64_t d = 0; d < c.layout.head_dim; ++d) {
      score += qkv_TN.at(query.token, query.query_column + d) *
               qkv_TN.at(j, query.key_column + d);
    }
    weights.push_back(score / std::sqrt(c.layout.head_dim));
  }
  const double most = *std::max_element(weights.begin(), weights.end());
  double sum = 0;
  for (double& weight : weights) {
    weight = std::exp(weight - most);
    sum += weight;
  }
  for (double& weight : weights) weight /= sum;
  return most + std::log(sum);
}

}  // namespace

AttentionResult AttentionOracle(const AttentionCase& c, const Doubles& qkv_TN) {
  AttentionResult result = {
      .out_TQ = Doubles(c.tokens, c.layout.query_cols()),
      .log_sum_HT = Doubles(c.layout.query_heads, c.tokens)};
  std::vector<double> weights;
  ForEachQuery(c, [&](const Query& query) {
    result.log_sum_HT.at(query.head, query.token) =
        Softmax(c, query, qkv_TN, weights);
    for (size_t j = 0; j < weights.size(); ++j) {
      for (int64_t d = 0; d < c.layout.head_dim; ++d) {
        result.out_TQ.at(query.token, query.query_column + d) +=
            weights[j] * qkv_TN.at(query.first_key + j, query.value_column + d);
      }
    }
  });
  return result;
}

Doubles AttentionGradientOracle(const AttentionCase& c, const Doubles& qkv_TN,
                                const Doubles& d_out_TQ) {
  const AttentionResult forward = AttentionOracle(c, qkv_TN);
  const int64_t head_dim = c.layout.head_dim;
  Doubles gradient(c.tokens, c.layout.cols());
  std::vector<double> weights;
  ForEachQuery(c, [&](const Query& query) {
    Softmax(c, query, qkv_TN, weights);
    double delta = 0;
    for (int64_t d = 0; d < head_dim; ++d) {
      delta += d_out_TQ.at(query.token, query.query_column + d) *
               forward.out_TQ.at(query.token, query.query_column + d);
    }
    for (size_t j = 0; j < weights.size(); ++j) {
      const int64_t key = query.first_key + static_cast<int64_t>(j);
      double d_weight = 0;
      for (int64_t d = 0; d < head_dim; ++d) {
        const double d_out = d_out_TQ.at(query.token, query.query_column + d);
        d_weight += d_out * qkv_TN.at(key, query.value_column + d);
        gradient.at(key, query.value_column + d) += weights[j] * d_out;
      }
      const double d_score =
          weights[j] * (d_weight - delta) / std::sqrt(head_dim);
      for (int64_t d = 0; d < head_dim; ++d) {
        gradient.at(query.token, query.query_column + d) +=
            d_score * qkv_TN.at(key, query.key_column + d);
        gradient.at(key, query.key_column + d) +=
            d_score * qkv_TN.at(query.token, query.query_column + d);
      }
    }
  });
  return gradient;
}

}  // namespace lockstep::testing
