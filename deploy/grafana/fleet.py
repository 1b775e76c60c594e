"""All jobs and all GPUs of the coordinators: is work being done, and where?"""

from panels import RATE, board, graph, number, query, row, rows

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
             in_states("running")),
      number("Waiting",
             "Jobs that wait for devices or are being prepared. `lockstep jobs "
             "describe NAME` says what one waits for.", "none",
             in_states("queued|preparing")),
      number("Failed in an hour",
             "Several in a row are the host more often than the jobs.", "none",
             "clamp_min(round(sum("
             f'delta(lockstep_jobs{{{AT}, state="failed"}}[1h]))), 0)',
             bad_from=3),
      number("Tokens a second",
             "Input tokens that all jobs train on, without padding.", "locale",
             f"sum(rate(lockstep_train_tokens_total{{{AT}}}{RATE}))"),
      number("GPUs", "GPUs that the driver of the coordinators' hosts shows.",
             "none", f"count(lockstep_gpu_memory_total_bytes{{{AT}}})"),
      number("GPUs at work",
             "Share of the GPUs' time in which a kernel ran, by whomever.",
             "percentunit", f"avg(lockstep_gpu_utilization_ratio{{{AT}}})"),
      row("Jobs"),
      graph("Jobs by state",
            "How many jobs are in each state, without those that ended well.",
            "none",
            query(f'sum by (state) (lockstep_jobs{{{AT}, state!="succeeded"}})',
                  "{{state}}"), stacked=True, low=0),
      graph("Tokens a second by job",
            "A job that becomes slower shares its devices, or reads slowly.",
            "locale",
            query(f"sum by (job_id) (rate(lockstep_train_tokens_total{{{AT}}}"
                  f"{RATE}))", "{{job_id}}"), stacked=True, low=0),
      rows("Jobs that train", "The newest figures of each running job.",
           "job_id", [
               ("Step", "none", of_training_jobs("lockstep_train_step")),
               ("Epochs", "none", of_training_jobs("lockstep_train_epochs")),
               ("Loss", "none", of_training_jobs("lockstep_train_loss")),
               ("Tokens/s", "locale",
                of_training_jobs("lockstep_train_tokens_per_second")),
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
      graph("Clock",
            "Of the multiprocessors. It falls when the GPU is hot or idle.",
            "hertz",
            query(f"lockstep_gpu_sm_clock_hertz{{{AT}}}", "{{host}} {{gpu}}"),
            low=0),
  ])
