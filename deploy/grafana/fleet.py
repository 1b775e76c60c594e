"""All jobs and all GPUs of the coordinators: is work being done, and where?"""

from panels import RATE, board, buckets, graph, number, query, row, rows

AT = 'instance=~"$instance"'
TRAINING = f'lockstep_job_state{{{AT}, state="running"}} == 1'


def of_training_jobs(metric):
  return (f"sum by (job_id) ({metric}{{{AT}}} "
          f"and on (instance, job_id) {TRAINING})")


def in_states(states):
  return f'sum(lockstep_jobs{{{AT}, state=~"{states}"}})'


def dashboard():
  return board("lockstep-fleet", "Lockstep / Fleet", __doc__, [], [
      row("Now"),
      number("Running", "Jobs whose ranks train.", "none",
             in_states("running"), width=3),
      number("Waiting",
             "Jobs that wait for devices or are being prepared. `lockstep jobs "
             "describe NAME` says what one waits for.", "none",
             in_states("queued|preparing"), width=3),
      number("Ready and waiting",
             "Jobs that only wait for devices: not for their input, another job, "
             "or the next try after a failure.", "none",
             f"sum(lockstep_queue_depth{{{AT}}})", width=3),
      number("Failed in an hour",
             "Several in a row are the host more often than the jobs.", "none",
             "clamp_min(round(sum("
             f'delta(lockstep_jobs{{{AT}, state="failed"}}[1h]))), 0)',
             bad_from=3, width=3),
      number("Tokens a second",
             "Input tokens that all jobs train on, without padding.", "locale",
             f"sum(rate(lockstep_train_tokens_total{{{AT}}}{RATE}))", width=3),
      number("GPUs",
             "Those of the coordinators' hosts, and of other hosts those that "
             "ranks train on.", "none", f"count(lockstep_gpu_memory_total_bytes{{{AT}}})", width=3),
      number("GPUs at work",
             "Share of the GPUs' time in which a kernel ran, by whomever.",
             "percentunit", f"avg(lockstep_gpu_utilization_ratio{{{AT}}})",
             width=3),
      number("Goodput",
             "Device time of steps that count over all device time that jobs "
             "which train have held, their mean. What is missing went to starts, "
             "lost steps, checkpoints, evaluations.", "percentunit",
             f"avg({of_training_jobs('lockstep_train_goodput_ratio')})",
             width=3),
      row("Jobs"),
      graph("Jobs by state",
            "How many jobs are in each state, without those that ended well.",
            "none",
            query(f'sum by (state) (lockstep_jobs{{{AT}, state!="succeeded"}})',
                  "{{state}}"), stacked=True, low=0),
      graph("Jobs that end", "In an hour, by how.", "none",
            query("sum by (outcome) (3600 * rate(lockstep_jobs_finished_total"
                  f"{{{AT}}}{RATE}))", "{{outcome}}"), stacked=True, low=0),
      graph("Attempts after the first",
            "In an hour, by how the one before had ended. What is not paused or "
            "preempted has failed: see the end causes in docs/operations.md.",
            "none",
            query("sum by (reason) (3600 * rate(lockstep_job_restarts_total"
                  f"{{{AT}}}{RATE})) > 0 or sum(0 * "
                  f"rate(lockstep_job_restarts_total{{{AT}}}{RATE}))",
                  "{{reason}}"), stacked=True, low=0),
      buckets("Time in the queue",
              "How long jobs that were ready waited for devices.",
              "lockstep_job_queue_wait_seconds", AT),
      graph("Time in the queue by priority",
            "Nine of ten that started lately had waited less.", "s",
            query("histogram_quantile(0.9, sum by (priority, le) (rate("
                  f"lockstep_job_queue_wait_seconds_bucket{{{AT}}}{RATE})))",
                  "{{priority}} p90"), low=0),
      graph("Goodput by job",
            "Share of its device time that went to steps that count. Low for "
            "long, the alert LockstepGoodputLow fires.", "percentunit",
            query("max by (job_id) "
                  f"(lockstep_train_goodput_ratio{{{AT}}})", "{{job_id}}"),
            low=0, high=1),
      graph("Device time by cause",
            "Of all jobs that the store has, what their devices were held for, "
            "and what cost the part that was not training.", "s",
            query("sum by (class, cause) (lockstep_goodput_device_seconds"
                  f"{{{AT}}})", "{{class}} {{cause}}"), stacked=True, low=0),
      graph("Ranks by what they do",
            "Silent ones have not been heard for two heartbeats.", "none",
            query(f"sum by (state) (lockstep_workers{{{AT}}})", "{{state}}"),
            stacked=True, low=0),
      graph("Tokens a second by job",
            "A job that becomes slower shares its devices, or reads slowly.",
            "locale",
            query(f"sum by (job_id) (rate(lockstep_train_tokens_total{{{AT}}}"
                  f"{RATE}))", "{{job_id}}"), stacked=True, low=0, width=24),
      rows("Jobs that train", "The newest figures of each running job.",
           "job_id", [
               ("Step", "none", of_training_jobs("lockstep_train_step")),
               ("Epochs", "none", of_training_jobs("lockstep_train_epochs")),
               ("Loss", "none", of_training_jobs("lockstep_train_loss")),
               ("Tokens/s", "locale",
                of_training_jobs("lockstep_train_tokens_per_second")),
               ("Goodput", "percentunit",
                of_training_jobs("lockstep_train_goodput_ratio")),
           ], link="/d/lockstep-job?var-job_id=${__value.raw}"
                   "&${datasource:queryparam}&${__url_time_range}"),
      row("GPUs"),
      graph("Utilization",
            "Share of the last sampling period in which a kernel ran.",
            "percentunit",
            query(f"lockstep_gpu_utilization_ratio{{{AT}}}",
                  "{{host}} {{gpu}}"), low=0, high=1),
      graph("Memory in use", "By whomever, as a share of what the GPU has.",
            "percentunit",
            query(f"lockstep_gpu_memory_used_bytes{{{AT}}} / "
                  f"lockstep_gpu_memory_total_bytes{{{AT}}}",
                  "{{host}} {{gpu}}"), low=0, high=1),
      graph("Power", "What each GPU draws now.", "watt",
            query(f"lockstep_gpu_power_watts{{{AT}}}", "{{host}} {{gpu}}"),
            low=0),
      graph("Energy of a host",
            "Mean power of all its GPUs, from the energy that they counted.",
            "watt",
            query("sum by (host) (rate(lockstep_gpu_energy_joules_total"
                  f"{{{AT}}}{RATE}))", "{{host}}"), low=0),
      graph("Temperature",
            "From 87 degrees on the alert LockstepGpuHot fires.", "celsius",
            query(f"lockstep_gpu_temperature_celsius{{{AT}}}",
                  "{{host}} {{gpu}}")),
      graph("Xid errors",
            "In an hour, of all that the driver told. Those of applications are "
            "the jobs'; memory, gpu and nvlink are the hardware's, and the alert "
            "LockstepGpuFault fires.", "none",
            query("sum by (host, gpu, xid, class) (3600 * "
                  f"rate(lockstep_gpu_xid_errors_total{{{AT}}}{RATE}))",
                  "{{host}} {{gpu}} Xid {{xid}} ({{class}})"), low=0),
      graph("Clock",
            "Of the multiprocessors. It falls when the GPU is hot or idle.",
            "hertz",
            query(f"lockstep_gpu_sm_clock_hertz{{{AT}}}", "{{host}} {{gpu}}"),
            low=0),
  ])
