#include "server/service/list_events.h"

#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "proto/contract/errors.h"
#include "proto/contract/resource_name.h"
#include "proto/contract/status_macros.h"
#include "server/service/page_token.h"

namespace lockstep {

absl::StatusOr<v1::ListEventsResponse> ListEvents(
    const JobStore& store, const EventLog& events,
    const v1::ListEventsRequest& request) {
  const std::string& name = request.name();
  if (!name.empty()) {
    RETURN_IF_ERROR(JobIdFromName(name).status());
    RETURN_IF_ERROR(store.Find(name).status());
  }
  const std::string question = absl::StrCat("events of ", name);
  ASSIGN_OR_RETURN(const std::string position,
                   PositionOf(question, request.page_token()));
  int64_t after = 0;
  if (!position.empty() && !absl::SimpleAtoi(position, &after)) {
    return errors::InvalidPageToken(request.page_token());
  }
  const int wanted = GrantedPageSize(request.page_size());
  // One more tells whether there is a page behind this one.
  ASSIGN_OR_RETURN(EventLog::Batch batch, events.Read(after, wanted + 1, name));
  v1::ListEventsResponse response;
  int64_t last = batch.cursor;
  size_t bytes = 0;
  for (JournalEntry& entry : batch.entries) {
    bytes += entry.event.ByteSizeLong();
    if (response.events_size() == wanted ||
        (bytes > kLargestPageBytes && response.events_size() > 0)) {
      last = response.events().rbegin()->sequence();
      response.set_next_page_token(MakePageToken(question, absl::StrCat(last)));
      break;
    }
    // The end of an earlier job of this name.
    if (!name.empty() && entry.event.type() == kJobDeleted) continue;
    *response.add_events() = std::move(entry.event);
  }
  response.set_resume_token(absl::StrCat(last));
  return response;
}

}  // namespace lockstep
