#include "server/service/job_filter.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "proto/contract/errors.h"
#include "proto/contract/job_state.h"
#include "proto/contract/queue.h"
#include "proto/contract/status_macros.h"
#include "server/scheduler/proto_time.h"

namespace lockstep {
namespace {

constexpr size_t kMaxFilterBytes = 2048;
constexpr absl::string_view kFields =
    "state, name, owner, queue, labels.KEY, create_time, end_time";

bool IsFieldCharacter(char c) {
  return absl::ascii_isalnum(c) || c == '_' || c == '.' || c == '-' || c == '/';
}

absl::Status Invalid(size_t position, absl::string_view why) {
  return errors::Error(
      absl::StatusCode::kInvalidArgument, "INVALID_FILTER",
      absl::StrCat("filter: column ", position + 1, ": ", why));
}

// Reads the filter from left to right.
class Reader {
 public:
  explicit Reader(absl::string_view text) : text_(text) {}

  bool AtEnd() {
    SkipSpace();
    return next_ == text_.size();
  }
  size_t position() const { return next_; }

  // The word AND, OR or NOT, which ends where a name would.
  bool Take(absl::string_view keyword) {
    SkipSpace();
    const absl::string_view rest = text_.substr(next_);
    if (!absl::StartsWith(rest, keyword)) return false;
    if (rest.size() > keyword.size() &&
        !absl::ascii_isspace(rest[keyword.size()])) {
      return false;
    }
    next_ += keyword.size();
    return true;
  }

  std::string Field() {
    SkipSpace();
    return Run(IsFieldCharacter);
  }

  std::string Operator() {
    SkipSpace();
    return Run([](char c) { return absl::StrContains("=!<>:", c); });
  }

  // A quoted string, in which a backslash takes the next character as it is, or
  // what stands there up to a space.
  absl::StatusOr<std::string> Value() {
    SkipSpace();
    if (next_ == text_.size() || text_[next_] != '"') {
      return Run([](char c) {
        return !absl::ascii_isspace(c) && c != '(' && c != ')' && c != '"';
      });
    }
    const size_t start = next_++;
    std::string value;
    while (next_ < text_.size() && text_[next_] != '"') {
      if (text_[next_] == '\\' && next_ + 1 < text_.size()) ++next_;
      value += text_[next_++];
    }
    if (next_ == text_.size()) return Invalid(start, "the quote is not closed");
    ++next_;
    return value;
  }

 private:
  void SkipSpace() {
    while (next_ < text_.size() && absl::ascii_isspace(text_[next_])) ++next_;
  }

  template <typename Is>
  std::string Run(Is is) {
    const size_t start = next_;
    while (next_ < text_.size() && is(text_[next_])) ++next_;
    return std::string(text_.substr(start, next_ - start));
  }

  const absl::string_view text_;
  size_t next_ = 0;
};

// What is compared with a text: exactly, or with its beginning.
using TextMatcher = std::function<bool(absl::string_view)>;

absl::StatusOr<TextMatcher> MatchText(const std::string& value, size_t at) {
  const size_t star = value.find('*');
  if (star == std::string::npos) {
    return TextMatcher(
        [value](absl::string_view text) { return text == value; });
  }
  if (star + 1 != value.size()) {
    return Invalid(at, "a * stands at the end only, for any ending");
  }
  return TextMatcher([prefix = value.substr(0, star)](absl::string_view text) {
    return absl::StartsWith(text, prefix);
  });
}

JobPredicate Negated(JobPredicate predicate, bool negate) {
  if (!negate) return predicate;
  return [predicate = std::move(predicate)](const v1::Job& job) {
    return !predicate(job);
  };
}

// One comparison under construction.
struct Comparison {
  std::string field;
  size_t field_at = 0;
  std::string op;
  size_t op_at = 0;
  std::string value;
  size_t value_at = 0;

  absl::Status CheckEquality() const {
    if (op == "=" || op == "!=") return absl::OkStatus();
    return Invalid(op_at, absl::StrCat("\"", op, "\" after ", field,
                                       "; = and != are allowed"));
  }
};

absl::StatusOr<JobPredicate> CompareState(const Comparison& c) {
  RETURN_IF_ERROR(c.CheckEquality());
  v1::Job::State state;
  if (!v1::Job::State_Parse(absl::AsciiStrToUpper(c.value), &state) ||
      state == v1::Job::STATE_UNSPECIFIED) {
    return Invalid(c.value_at,
                   absl::StrCat("\"", c.value, "\" is not a state of a job"));
  }
  return Negated([state](const v1::Job& job) { return job.state() == state; },
                 c.op == "!=");
}

absl::StatusOr<JobPredicate> CompareName(const Comparison& c) {
  RETURN_IF_ERROR(c.CheckEquality());
  const std::string id(absl::StripPrefix(c.value, "jobs/"));
  ASSIGN_OR_RETURN(TextMatcher matches, MatchText(id, c.value_at));
  return Negated(
      [matches = std::move(matches)](const v1::Job& job) {
        return matches(absl::StripPrefix(job.name(), "jobs/"));
      },
      c.op == "!=");
}

absl::StatusOr<JobPredicate> CompareOwner(const Comparison& c) {
  RETURN_IF_ERROR(c.CheckEquality());
  ASSIGN_OR_RETURN(TextMatcher matches, MatchText(c.value, c.value_at));
  return Negated([matches = std::move(matches)](
                     const v1::Job& job) { return matches(job.owner()); },
                 c.op == "!=");
}

absl::StatusOr<JobPredicate> CompareQueue(const Comparison& c) {
  RETURN_IF_ERROR(c.CheckEquality());
  const std::string id(absl::StripPrefix(c.value, "queues/"));
  ASSIGN_OR_RETURN(TextMatcher matches, MatchText(id, c.value_at));
  return Negated([matches = std::move(matches)](
                     const v1::Job& job) { return matches(QueueOf(job)); },
                 c.op == "!=");
}

absl::StatusOr<JobPredicate> CompareLabel(const Comparison& c) {
  RETURN_IF_ERROR(c.CheckEquality());
  std::string key(absl::StripPrefix(c.field, "labels."));
  ASSIGN_OR_RETURN(TextMatcher matches, MatchText(c.value, c.value_at));
  return Negated(
      [key = std::move(key), matches = std::move(matches)](const v1::Job& job) {
        const auto label = job.labels().find(key);
        return label != job.labels().end() && matches(label->second);
      },
      c.op == "!=");
}

absl::StatusOr<JobPredicate> HasLabel(const Comparison& c) {
  if (c.op != ":") {
    return Invalid(c.op_at, "labels is followed by :KEY, or by .KEY = VALUE");
  }
  return JobPredicate([key = c.value](const v1::Job& job) {
    return job.labels().contains(key);
  });
}

// A job without that time is neither before nor after anything.
absl::StatusOr<JobPredicate> CompareTime(
    const Comparison& c, bool (v1::Job::*has)() const,
    const google::protobuf::Timestamp& (v1::Job::*get)() const) {
  absl::Time time;
  if (!absl::ParseTime(absl::RFC3339_full, c.value, &time, nullptr)) {
    return Invalid(c.value_at,
                   absl::StrCat("\"", c.value,
                                "\" is not a time like 2026-01-31T12:00:00Z"));
  }
  bool (*holds)(absl::Time, absl::Time) = nullptr;
  if (c.op == "=") holds = [](absl::Time a, absl::Time b) { return a == b; };
  if (c.op == "!=") holds = [](absl::Time a, absl::Time b) { return a != b; };
  if (c.op == "<") holds = [](absl::Time a, absl::Time b) { return a < b; };
  if (c.op == "<=") holds = [](absl::Time a, absl::Time b) { return a <= b; };
  if (c.op == ">") holds = [](absl::Time a, absl::Time b) { return a > b; };
  if (c.op == ">=") holds = [](absl::Time a, absl::Time b) { return a >= b; };
  if (holds == nullptr) {
    return Invalid(c.op_at, absl::StrCat("\"", c.op,
                                         "\" does not compare times; =, !=, <, "
                                         "<=, > and >= do"));
  }
  return JobPredicate([=](const v1::Job& job) {
    return (job.*has)() && holds(FromProto((job.*get)()), time);
  });
}

absl::StatusOr<JobPredicate> Compare(const Comparison& c) {
  if (c.field == "state") return CompareState(c);
  if (c.field == "name") return CompareName(c);
  if (c.field == "owner") return CompareOwner(c);
  if (c.field == "queue") return CompareQueue(c);
  if (c.field == "labels") return HasLabel(c);
  if (absl::StartsWith(c.field, "labels.")) return CompareLabel(c);
  if (c.field == "create_time") {
    return CompareTime(c, &v1::Job::has_create_time, &v1::Job::create_time);
  }
  if (c.field == "end_time") {
    return CompareTime(c, &v1::Job::has_end_time, &v1::Job::end_time);
  }
  return Invalid(c.field_at,
                 absl::StrCat("\"", c.field, "\" is not one of ", kFields));
}

absl::StatusOr<JobPredicate> ReadTerm(Reader& reader) {
  const bool negate = reader.Take("NOT");
  Comparison c;
  if (reader.AtEnd()) {
    return Invalid(reader.position(), "a comparison is missing");
  }
  c.field_at = reader.position();
  c.field = reader.Field();
  if (c.field.empty()) {
    return Invalid(c.field_at, absl::StrCat("a field is missing: ", kFields));
  }
  if (reader.AtEnd()) {
    return Invalid(reader.position(),
                   absl::StrCat("an operator is missing after ", c.field));
  }
  c.op_at = reader.position();
  c.op = reader.Operator();
  if (c.op.empty()) {
    return Invalid(c.op_at,
                   absl::StrCat("an operator is missing after ", c.field));
  }
  const bool no_value = reader.AtEnd();
  c.value_at = reader.position();
  if (no_value) return Invalid(c.value_at, "a value is missing");
  ASSIGN_OR_RETURN(c.value, reader.Value());
  ASSIGN_OR_RETURN(JobPredicate predicate, Compare(c));
  return Negated(std::move(predicate), negate);
}

absl::StatusOr<JobPredicate> ReadFactor(Reader& reader) {
  std::vector<JobPredicate> terms;
  do {
    ASSIGN_OR_RETURN(JobPredicate term, ReadTerm(reader));
    terms.push_back(std::move(term));
  } while (reader.Take("OR"));
  return JobPredicate([terms = std::move(terms)](const v1::Job& job) {
    return std::any_of(terms.begin(), terms.end(),
                       [&](const JobPredicate& term) { return term(job); });
  });
}

}  // namespace

absl::StatusOr<JobPredicate> ParseJobFilter(absl::string_view filter) {
  if (filter.size() > kMaxFilterBytes) {
    return Invalid(
        kMaxFilterBytes,
        absl::StrCat("it goes on; ", kMaxFilterBytes, " bytes are allowed"));
  }
  Reader reader(filter);
  if (reader.AtEnd()) return JobPredicate();
  std::vector<JobPredicate> factors;
  do {
    ASSIGN_OR_RETURN(JobPredicate factor, ReadFactor(reader));
    factors.push_back(std::move(factor));
  } while (reader.Take("AND"));
  if (!reader.AtEnd()) {
    return Invalid(reader.position(),
                   "AND, OR or the end is allowed here; there are no "
                   "parentheses, and OR binds tighter than AND");
  }
  return JobPredicate([factors = std::move(factors)](const v1::Job& job) {
    return std::all_of(factors.begin(), factors.end(),
                       [&](const JobPredicate& factor) { return factor(job); });
  });
}

}  // namespace lockstep
