#include "client/cli/command_queues.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/cli/json.h"
#include "client/cli/table.h"
#include "proto/contract/resource_name.h"

namespace lockstep::cli {
namespace {

// Takes a quota away.
constexpr char kNoQuota[] = "none";

// "queues/research", as a job's explanation names it, and "research".
std::string QueueIdOf(const std::string& argument) {
  return std::string(absl::StripPrefix(argument, "queues/"));
}

struct QueueFlags {
  std::string id;
  // Numbers, or "none"; empty when not given.
  std::string gpu_quota;
  std::string cpu_quota;
  double weight = 0;  // 0 when not given.
};

// Of a check of CLI11: what is wrong, or nothing.
std::string CheckQuota(const std::string& word) {
  int quota = 0;
  const bool good =
      word == kNoQuota || (absl::SimpleAtoi(word, &quota) && quota >= 0);
  return good ? ""
              : absl::StrCat("\"", word,
                             "\" is neither a number of devices nor none");
}

v1::Queue QueueWith(const QueueFlags& flags) {
  v1::Queue queue;
  queue.set_name(QueueName(QueueIdOf(flags.id)));
  int quota = 0;
  if (absl::SimpleAtoi(flags.gpu_quota, &quota)) queue.set_gpu_quota(quota);
  if (absl::SimpleAtoi(flags.cpu_quota, &quota)) queue.set_cpu_quota(quota);
  if (flags.weight != 0) queue.set_weight(flags.weight);
  return queue;
}

std::string Use(int used, bool limited, int quota) {
  return limited ? absl::StrCat(used, "/", quota) : absl::StrCat(used);
}

ExitStatus ListQueues(const CommandContext& context, JobClient& client) {
  const absl::StatusOr<std::vector<v1::Queue>> queues = client.Queues();
  if (!queues.ok()) return context.Report(queues.status());
  if (context.console.json) {
    v1::ListQueuesResponse response;
    *response.mutable_queues() = {queues->begin(), queues->end()};
    context.console.out << ToJsonList(response);
    return ExitStatus::kSuccess;
  }
  Table table({"NAME", "GPUS", "CPU SLOTS", "WEIGHT", "WAITING"},
              context.console.room);
  for (const v1::Queue& queue : *queues) {
    table.AddRow(
        {QueueIdOf(queue.name()),
         Use(queue.gpus_used(), queue.has_gpu_quota(), queue.gpu_quota()),
         Use(queue.cpu_slots_used(), queue.has_cpu_quota(), queue.cpu_quota()),
         absl::StrCat(queue.weight()), absl::StrCat(queue.jobs_waiting())});
  }
  context.console.out << table.Render();
  return ExitStatus::kSuccess;
}

ExitStatus Show(const CommandContext& context,
                const absl::StatusOr<v1::Queue>& queue, const char* what) {
  if (!queue.ok()) return context.Report(queue.status());
  if (context.console.json) {
    context.console.out << ToJson(*queue);
  } else {
    context.console.out << "queue/" << QueueIdOf(queue->name()) << " " << what
                        << "\n";
  }
  return ExitStatus::kSuccess;
}

ExitStatus Create(const CommandContext& context, const QueueFlags& flags,
                  JobClient& client) {
  return Show(context, client.CreateQueue(QueueWith(flags)), "created");
}

ExitStatus Update(const CommandContext& context, const QueueFlags& flags,
                  JobClient& client) {
  std::vector<std::string> fields;
  if (!flags.gpu_quota.empty()) fields.push_back("gpu_quota");
  if (!flags.cpu_quota.empty()) fields.push_back("cpu_quota");
  if (flags.weight != 0) fields.push_back("weight");
  if (fields.empty()) {
    return ReportError(context.console, ExitStatus::kUsage,
                       "nothing to change is given",
                       "give --gpu-quota, --cpu-quota or --weight");
  }
  return Show(context, client.UpdateQueue(QueueWith(flags), fields), "updated");
}

ExitStatus Delete(const CommandContext& context, const std::string& id,
                  JobClient& client) {
  const absl::Status status = client.DeleteQueue(id);
  if (!status.ok()) return context.Report(status);
  if (!context.console.json) {
    context.console.out << "queue/" << id << " deleted\n";
  }
  return ExitStatus::kSuccess;
}

using Change = ExitStatus (*)(const CommandContext&, const QueueFlags&,
                              JobClient&);

void AddChange(CLI::App& queues, CommandContext& context, const char* name,
               const char* what, Change change) {
  CLI::App* command = queues.add_subcommand(name, what);
  auto flags = std::make_shared<QueueFlags>();
  command->add_option("NAME", flags->id, "The queue")->required();
  command
      ->add_option("--gpu-quota", flags->gpu_quota,
                   "GPUs that its jobs may have together, or none: as many as "
                   "there are")
      ->check(CheckQuota);
  command->add_option("--cpu-quota", flags->cpu_quota, "CPU slots, likewise")
      ->check(CheckQuota);
  command
      ->add_option("--weight", flags->weight,
                   "Its share against that of other queues [1]")
      ->check(CLI::PositiveNumber);
  command->callback([&context, flags, change] {
    context.run = [&context, flags, change] {
      return WithClient(context, [&](JobClient& client) {
        return change(context, *flags, client);
      });
    };
  });
}

ExitStatus SetQueue(const CommandContext& context, const std::string& id,
                    const std::string& queue, JobClient& client) {
  const absl::StatusOr<v1::Job> job = client.SetQueue(id, queue);
  if (!job.ok()) return context.ReportForJob(job.status(), id);
  if (context.console.json) {
    context.console.out << ToJson(*job);
  } else {
    context.console.out << "job/" << id << " is in queue " << queue << "\n";
  }
  return ExitStatus::kSuccess;
}

}  // namespace

void AddQueuesCommand(CLI::App& app, CommandContext& context) {
  CLI::App* queues =
      app.add_subcommand("queues", "Quotas of devices that jobs share");
  queues->require_subcommand(1);
  CLI::App* list = queues->add_subcommand("list", "List queues and their use");
  list->callback([&context] {
    context.run = [&context] {
      return WithClient(context, [&](JobClient& client) {
        return ListQueues(context, client);
      });
    };
  });
  AddChange(*queues, context, "create", "Make a queue", Create);
  AddChange(*queues, context, "update", "Change what is given of a queue",
            Update);
  CLI::App* remove = queues->add_subcommand("delete", "Remove an empty queue");
  auto id = std::make_shared<std::string>();
  remove->add_option("NAME", *id, "The queue")->required();
  remove->callback([&context, id] {
    context.run = [&context, id] {
      return WithClient(context, [&](JobClient& client) {
        return Delete(context, QueueIdOf(*id), client);
      });
    };
  });
}

void AddSetQueueCommand(CLI::App& jobs, CommandContext& context) {
  CLI::App* command = jobs.add_subcommand(
      "set-queue", "Let a job that holds no device wait in another queue");
  auto id = std::make_shared<std::string>();
  auto queue = std::make_shared<std::string>();
  command->add_option("NAME", *id, "The job")->required();
  command->add_option("QUEUE", *queue, "The queue")->required();
  command->callback([&context, id, queue] {
    context.run = [&context, id, queue] {
      return WithClient(context, [&](JobClient& client) {
        return SetQueue(context, JobIdOf(*id), QueueIdOf(*queue), client);
      });
    };
  });
}

}  // namespace lockstep::cli
