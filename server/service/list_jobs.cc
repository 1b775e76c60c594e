#include "server/service/list_jobs.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "proto/contract/errors.h"
#include "proto/contract/status_macros.h"
#include "server/service/job_filter.h"
#include "server/service/page_token.h"

namespace lockstep {
namespace {

absl::Status ReadOrder(const std::string& order_by, ListJobsQuery& query) {
  if (order_by.empty()) return absl::OkStatus();
  const std::vector<std::string> words =
      absl::StrSplit(order_by, ' ', absl::SkipEmpty());
  const bool by_name = !words.empty() && words[0] == "name";
  const bool known = by_name || (!words.empty() && words[0] == "create_time");
  if (!known || words.size() > 2 || (words.size() == 2 && words[1] != "desc")) {
    return errors::Error(
        absl::StatusCode::kInvalidArgument, "INVALID_ORDER_BY",
        absl::StrCat("order_by: \"", order_by,
                     "\" is not create_time or name, with or without \" "
                     "desc\" behind it"));
  }
  query.order =
      by_name ? ListJobsQuery::Order::kName : ListJobsQuery::Order::kCreation;
  query.descending = words.size() == 2;
  return absl::OkStatus();
}

// All that a page token is bound to.
std::string QuestionOf(const v1::ListJobsRequest& request,
                       const ListJobsQuery& query) {
  const std::set<int> states(request.states().begin(), request.states().end());
  return absl::StrCat("jobs", query.order == ListJobsQuery::Order::kName,
                      query.descending, absl::StrJoin(states, ","), ";",
                      request.filter());
}

absl::Status ReadFilter(const v1::ListJobsRequest& request,
                        ListJobsQuery& query) {
  ASSIGN_OR_RETURN(JobPredicate filter, ParseJobFilter(request.filter()));
  std::set<int> states(request.states().begin(), request.states().end());
  if (states.empty()) {
    query.matches = std::move(filter);
    return absl::OkStatus();
  }
  query.matches = [states = std::move(states),
                   filter = std::move(filter)](const v1::Job& job) {
    return states.contains(job.state()) && (!filter || filter(job));
  };
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::ListJobsResponse> ListJobs(
    const JobStore& store, const v1::ListJobsRequest& request, absl::Time now) {
  ListJobsQuery query{.page_size = GrantedPageSize(request.page_size()),
                      .goodput_until = now};
  RETURN_IF_ERROR(ReadOrder(request.order_by(), query));
  RETURN_IF_ERROR(ReadFilter(request, query));
  const std::string question = QuestionOf(request, query);
  ASSIGN_OR_RETURN(query.page_token,
                   PositionOf(question, request.page_token()));
  while (true) {
    ASSIGN_OR_RETURN(JobPage page, store.List(query));
    v1::ListJobsResponse response;
    for (v1::Job& job : page.jobs) *response.add_jobs() = std::move(job);
    if (query.page_size > 1 && response.ByteSizeLong() > kLargestPageBytes) {
      query.page_size /= 2;
      continue;
    }
    if (!page.next_page_token.empty()) {
      response.set_next_page_token(
          MakePageToken(question, page.next_page_token));
    }
    return response;
  }
}

}  // namespace lockstep
