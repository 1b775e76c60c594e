"""lockstepd itself: does it answer, how fast, and with what errors?"""

from panels import RATE, board, buckets, graph, number, query, row

AT = 'instance=~"$instance"'
DURATION = "lockstep_grpc_server_handling_seconds"
STORE = "lockstep_store_transaction_seconds"
HANDLED = "lockstep_grpc_server_handled_total"
# What the coordinator itself is to blame for.
OWN_FAULTS = "INTERNAL|UNKNOWN|DATA_LOSS"

# Calls that last as long as somebody watches, or a job trains.
STREAMS = ".*/(Attach|Heartbeat|BackupStore|Watch.+|Stream.+)"


def latency(quantile):
  return (f"histogram_quantile({quantile}, sum by (method, le) "
          f'(rate({DURATION}_bucket{{{AT}, method!~"{STREAMS}"}}{RATE})))')


def store_at(quantile):
  return (f"histogram_quantile({quantile}, sum by (instance, le) "
          f"(rate({STORE}_bucket{{{AT}}}{RATE})))")


def dashboard():
  return board("lockstep-coordinator", "Lockstep / Coordinator", __doc__, [], [
      row("Now"),
      number("Scraped", "How many of the coordinators answer Prometheus. Jobs "
             "train on while one does not.", "none", f"sum(up{{{AT}}})"),
      number("Release", "Version and revision that run.", "none",
             f"lockstep_build_info{{{AT}}}", "{{version}} {{revision}}",
             width=8, name_only=True),
      number("Jobs known", "In any state: what the store holds.", "none",
             f"sum(lockstep_jobs{{{AT}}})"),
      number("Calls a second", "gRPC calls that were answered.", "reqps",
             f"sum(rate({HANDLED}{{{AT}}}{RATE}))"),
      number("Alerts that fire", "Of deploy/prometheus/lockstep.rules.yaml.",
             "none",
             'count(ALERTS{alertname=~"Lockstep.*", alertstate="firing"}) '
             "or vector(0)", bad_from=1),
      row("Calls"),
      graph("Calls by method", "Answered calls; a stream counts when it ends.",
            "reqps",
            query(f"sum by (method) (rate({HANDLED}{{{AT}}}{RATE}))",
                  "{{method}}"), low=0),
      graph("Calls that did not succeed",
            "NOT_FOUND and FAILED_PRECONDITION are mostly the callers' "
            "mistakes.",
            "reqps",
            query(f'sum by (method, code) (rate({HANDLED}{{{AT}, code!="OK"}}'
                  f"{RATE}))", "{{method}} {{code}}"), low=0),
      graph("Calls that the coordinator failed",
            "Share of the calls that ended with "
            f"{OWN_FAULTS.replace('|', ', ')}: the store cannot be written, or "
            "there is a defect. Its log says which.", "percentunit",
            query(f'sum by (instance) (rate({HANDLED}{{{AT}, '
                  f'code=~"{OWN_FAULTS}"}}{RATE})) / sum by (instance) '
                  f"(rate({HANDLED}{{{AT}}}{RATE})) or sum by (instance) "
                  f"(0 * rate({HANDLED}{{{AT}}}{RATE}))", "{{instance}}"),
            low=0),
      buckets("Spread of the answers",
              "All methods together. Long streams lie in the last bucket.",
              DURATION, AT),
      graph("Time to an answer, p50", "Half of the calls take less. Without "
            "those that last as long as somebody watches.", "s",
            query(latency(0.5), "{{method}}"), low=0),
      graph("Time to an answer, p99",
            "One call in a hundred takes longer. Without those that last as "
            "long as somebody watches.", "s", query(latency(0.99), "{{method}}"), low=0),
      row("Store"),
      graph("Transactions a second",
            "Each commits all writes that wait, with one fsync.", "none",
            query(f"sum by (instance) (rate({STORE}_count{{{AT}}}{RATE}))",
                  "{{instance}}"), low=0),
      graph("Time of a transaction",
            "One in a hundred takes longer than p99. It is mostly the disk's; "
            "CreateJob is never faster.", "s",
            query(store_at(0.5), "{{instance}} p50"),
            query(store_at(0.99), "{{instance}} p99"), low=0),
      row("Heartbeats"),
      graph("Ranks by what they do",
            "By what their last heartbeat said. Silent ones have not been heard "
            "for two heartbeats: a host that is cut off, or a coordinator that "
            "is too slow for all of them.", "none",
            query(f"sum by (instance, state) (lockstep_workers{{{AT}}})",
                  "{{instance}} {{state}}"), stacked=True, low=0),
      graph("Since the rank that was heard least lately",
            "Of all ranks of a coordinator. They say something every 5 seconds; "
            "twice that, and one counts as silent.", "s",
            query("time() - min by (instance) "
                  f"(lockstep_worker_heartbeat_timestamp_seconds{{{AT}}})",
                  "{{instance}}"), low=0),
      row("Scraping"),
      graph("Duration of a scrape",
            "Grows with the number of jobs that train, and with a slow driver "
            "of the GPUs.", "s",
            query(f"scrape_duration_seconds{{{AT}}}", "{{instance}}"), low=0),
      graph("Series", "What one scrape brings. Series of a job go 15 minutes "
            "after its end.", "none",
            query(f"scrape_samples_scraped{{{AT}}}", "{{instance}}"), low=0),
  ])
