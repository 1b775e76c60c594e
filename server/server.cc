#include "server/server.h"

#include <utility>

#include "absl/time/clock.h"
#include "prometheus/registry.h"
#include "proto/contract/certificates.h"
#include "proto/contract/errors.h"
#include "proto/contract/nvml.h"
#include "proto/contract/status_macros.h"
#include "server/cache_sweep.h"
#include "server/events/event_log.h"
#include "server/events/metric_log.h"
#include "server/goodput_metrics.h"
#include "server/gpu_loads.h"
#include "server/gpu_metrics.h"
#include "server/journal_logger.h"
#include "server/launcher/local_node.h"
#include "server/listener.h"
#include "server/metrics/metrics_exposer.h"
#include "server/metrics/server_metrics.h"
#include "server/rank_gpus.h"
#include "server/rendezvous/rendezvous.h"
#include "server/scheduler/attempt_tokens.h"
#include "server/scheduler/queue_policy.h"
#include "server/scheduler/scheduler.h"
#include "server/server_log.h"
#include "server/service/access.h"
#include "server/service/cluster_service.h"
#include "server/service/job_service.h"
#include "server/service/metrics_feed.h"
#include "server/service/stream_pump.h"
#include "server/service/worker_service.h"
#include "server/state_dir.h"
#include "server/store/schema.h"
#include "server/store/sqlite_job_store.h"
#include "server/system_clock.h"
#include "server/webhook/webhook.h"
#include "server/worker_metrics.h"

namespace lockstep {
namespace {

constexpr absl::Duration kWarnBeforeExpiry = absl::Hours(14 * 24);

ServiceOptions MakeServiceOptions(const ServerOptions& options,
                                  const StateDir& state,
                                  const MetricsExposer* exposer,
                                  absl::Time now) {
  return {.state_dir = state.path(),
          .store_version = kSchemaVersion,
          .start_time = now,
          .settings = SettingsOf(options),
          .jobs_dir = state.jobs_dir(),
          .metrics_url = exposer == nullptr ? "" : exposer->url(),
          .heartbeat_interval = options.scheduler.heartbeat_interval,
          .bookmark_interval = options.bookmark_interval,
          .log_poll_interval = options.log_poll_interval};
}

absl::StatusOr<std::unique_ptr<Webhook>> MakeWebhook(
    const ServerOptions& options, const StateDir& state, const Clock& clock,
    EventLog& events, int64_t sequence) {
  if (options.webhook.empty()) return nullptr;
  WebhookOptions webhook;
  ASSIGN_OR_RETURN(webhook.settings, LoadWebhookSettings(options.webhook));
  webhook.cursor_path = state.webhook_cursor_path();
  return Webhook::Start(webhook, clock, events, sequence);
}

// A full disk is waited out; after any other error only a new start knows what
// is in the store.
SqliteJobStore::TroubleListener ListenerFor(
    const Server::FailureListener& failed) {
  return [failed](const absl::Status& trouble) {
    if (trouble.ok()) {
      Log({.source = "lockstepd",
           .message = "there is room for the job store again",
           .fields = {}});
    } else if (absl::IsResourceExhausted(trouble)) {
      Log({.severity = LogSeverity::kError,
           .source = "lockstepd",
           .message = absl::StrCat(
               "the disk of the job store is full (", trouble.message(),
               "): nothing is decided until there is room; what trains goes "
               "on"),
           .fields = {}});
    } else {
      failed(errors::StoreUnavailable(trouble.message()));
    }
  };
}

// It is no reason not to start: jobs of this host go on without it.
void WarnOfExpiry(const ListenTls& tls) {
  if (!tls.enabled()) return;
  const absl::StatusOr<std::string> certificates =
      ReadCertificates(TlsFiles::kCertFlag, tls.cert);
  if (!certificates.ok()) return;
  const absl::StatusOr<absl::Time> expiry = ExpiryOf(*certificates);
  if (!expiry.ok() || *expiry - absl::Now() > kWarnBeforeExpiry) return;
  Log({.severity = LogSeverity::kWarning,
       .source = "lockstepd",
       .message = absl::StrCat(
           "--tls-cert ", tls.cert, " ",
           *expiry > absl::Now() ? "expires at " : "has expired at ",
           absl::FormatTime(absl::RFC3339_sec, *expiry, absl::UTCTimeZone()),
           "; clients refuse it then"),
       .fields = {}});
}

absl::StatusOr<std::unique_ptr<MetricsExposer>> MakeExposer(
    const ServerOptions& options, const Clock& clock,
    const Clock& deadline_clock, const JobStore& store,
    const ServerMetrics& metrics, const Scheduler& scheduler) {
  if (options.metrics_address == "off") return nullptr;
  MetricsExposer::Collectables collectables = {
      metrics.registry(),
      std::make_shared<GoodputMetrics>(clock, store, metrics),
      std::make_shared<WorkerMetrics>(
          deadline_clock, [&scheduler] { return scheduler.Ranks(); }),
      std::make_shared<GpuMetrics>(
          HostName(), GpuMonitor::Open(), [&scheduler, &store] {
            return GpusOfRanks(scheduler.Gpus(), store);
          })};
  return MetricsExposer::Start(options.metrics_address,
                               std::move(collectables));
}

}  // namespace

// In the order of need: each part uses only those above it.
struct Server::Parts {
  Parts(const ServerOptions& options, StateDir state_dir,
        std::unique_ptr<SqliteJobStore> job_store,
        std::unique_ptr<Launcher> job_launcher,
        std::unique_ptr<UserDirectory> user_directory,
        absl::string_view admin_token, const FailureListener& failed)
      : state(std::move(state_dir)),
        metrics(clock, options.metrics),
        store(std::move(job_store)),
        events(*store, options.held_journal_entries),
        metric_log(state.jobs_dir()),
        launcher(std::move(job_launcher)),
        rendezvous(deadline_clock),
        scheduler(options.scheduler, {.clock = deadline_clock,
                                      .store = *store,
                                      .events = events,
                                      .launcher = *launcher,
                                      .rendezvous = rendezvous,
                                      .tokens = tokens,
                                      .policy = policy}),
        users(std::move(user_directory)),
        access(admin_token, tokens, *users, clock) {
    store->SetTransactionListener([this](absl::Duration duration) {
      metrics.StoreTransaction(duration);
    });
    store->SetTroubleListener(ListenerFor(failed));
  }

  SystemClock clock;
  // Of whoever waits for ranks.
  DeadlineClock deadline_clock{clock};
  const StateDir state;
  ServerMetrics metrics;
  // What it still commits at the end is measured, too.
  const std::unique_ptr<SqliteJobStore> store;
  EventLog events;
  MetricLog metric_log;
  AttemptTokens tokens;
  const QueuePolicy policy;
  const std::unique_ptr<Launcher> launcher;
  Rendezvous rendezvous;
  GpuLoads gpu_loads{clock, GpuMonitor::Open()};
  StreamPump pump;
  Scheduler scheduler;
  const std::unique_ptr<UserDirectory> users;
  const Access access;
  std::unique_ptr<MetricsExposer> exposer;
  std::shared_ptr<MetricsFeed> feed;
  std::shared_ptr<JournalLogger> logger;
  std::unique_ptr<Webhook> webhook;
  std::unique_ptr<CacheSweep> cache_sweep;
  ServiceOptions service_options;
  std::unique_ptr<JobServiceImpl> jobs;
  std::unique_ptr<ClusterServiceImpl> cluster;
  std::unique_ptr<WorkerServiceImpl> workers;
  std::unique_ptr<Listener> listener;

  absl::Status Serve(const ServerOptions& options);
};

absl::Status Server::Parts::Serve(const ServerOptions& options) {
  // Before somebody scrapes: jobs are counted.
  ASSIGN_OR_RETURN(feed, MetricsFeed::Start(*store, events, metrics, pump));
  ASSIGN_OR_RETURN(exposer, MakeExposer(options, clock, deadline_clock, *store,
                                        metrics, scheduler));
  logger = JournalLogger::Start(events, pump, store->LastSequence());
  ASSIGN_OR_RETURN(webhook, MakeWebhook(options, state, clock, events,
                                        store->LastSequence()));
  if (options.keep_caches != absl::InfiniteDuration()) {
    cache_sweep = std::make_unique<CacheSweep>(
        state.cache_dir(), options.keep_caches, clock, *store);
  }
  // Before anyone may call: an attempt that lives must find its token known, or
  // its processes would think that they are strangers, and exit.
  RETURN_IF_ERROR(scheduler.Start());
  service_options =
      MakeServiceOptions(options, state, exposer.get(), clock.WallTime());
  service_options.device_loads = [this] { return gpu_loads.Read(); };
  const ServiceParts service_parts{.options = service_options,
                                   .clock = clock,
                                   .store = *store,
                                   .backup = *store,
                                   .events = events,
                                   .metric_log = metric_log,
                                   .scheduler = scheduler,
                                   .rendezvous = rendezvous,
                                   .access = access,
                                   .metrics = metrics,
                                   .pump = pump};
  jobs = std::make_unique<JobServiceImpl>(service_parts);
  cluster = std::make_unique<ClusterServiceImpl>(service_parts);
  workers = std::make_unique<WorkerServiceImpl>(service_parts);
  ASSIGN_OR_RETURN(
      listener,
      Listener::Start(
          {.addresses = options.listen,
           .tls = options.tls,
           .memory_bytes = options.grpc_memory_bytes,
           .shutdown_grace = options.shutdown_grace},
          {{v1::JobService::service_full_name(), jobs.get()},
           {v1::ClusterService::service_full_name(), cluster.get()},
           {worker::v1::WorkerService::service_full_name(), workers.get()}}));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(
    const ServerOptions& options, const LauncherFactory& make_launcher,
    const FailureListener& failed) {
  ASSIGN_OR_RETURN(StateDir state, StateDir::Open(options.state_dir));
  ASSIGN_OR_RETURN(const std::string admin_token, state.AdminToken());
  ASSIGN_OR_RETURN(std::unique_ptr<SqliteJobStore> store,
                   SqliteJobStore::Open(state.store_path()));
  ASSIGN_OR_RETURN(std::unique_ptr<UserDirectory> users,
                   UserDirectory::Open(options.tokens));
  ASSIGN_OR_RETURN(std::unique_ptr<Launcher> launcher, make_launcher(options));
  auto parts = std::make_unique<Parts>(options, std::move(state),
                                       std::move(store), std::move(launcher),
                                       std::move(users), admin_token, failed);
  WarnOfExpiry(options.tls);
  RETURN_IF_ERROR(parts->Serve(options));
  return std::unique_ptr<Server>(new Server(std::move(parts)));
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Server::~Server() {
  // Streams and waiting ranks are answered with a status that makes them come
  // back; the rest follows from the order of the parts.
  parts_->pump.Stop();
  parts_->rendezvous.Stop();
}

const std::vector<std::string>& Server::addresses() const {
  return parts_->listener->addresses();
}

const std::string& Server::metrics_url() const {
  return parts_->service_options.metrics_url;
}

}  // namespace lockstep
