// Which checkpoints a run leaves, and what becomes of a run whose disk does not
// take them.

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/worker/train/training_fixture.h"
#include "worker/io/checkpoint.h"
#include "worker/io/checkpoint_folders.h"
#include "worker/train/rank_end.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using CommitRequest = worker::v1::CommitCheckpointRequest;
using Heartbeat = worker::v1::HeartbeatResponse;

// Saved after each of 6 steps.
class SaveTest : public ::testing::Test {
 protected:
  SaveTest() : fixture_("models/tiny-llama") {
    fixture_.SetData(
        GoldenDocuments(ReadGolden("tiny-llama.full"), /*slots=*/0));
    fixture_.SetSteps(/*steps=*/6, /*bins=*/4, /*ranks=*/2,
                      /*accumulation=*/1);
    fixture_.spec().mutable_checkpoint()->set_save_steps(1);
  }

  void SetLimit(int limit) {
    fixture_.spec().mutable_checkpoint()->set_save_total_limit(limit);
  }
  // The next attempt finds what the coordinator lists.
  void ListForNext() {
    fixture_.job.clear_checkpoints();
    std::vector<v1::Checkpoint> listed = coordinator_.checkpoints();
    std::reverse(listed.begin(), listed.end());
    fixture_.job.mutable_checkpoints()->Assign(listed.begin(), listed.end());
  }
  std::vector<int64_t> Listed() const {
    std::vector<int64_t> steps;
    for (const v1::Checkpoint& checkpoint : coordinator_.checkpoints()) {
      steps.push_back(checkpoint.step());
    }
    return steps;
  }
  std::vector<int64_t> OnDisk() const {
    return ListCheckpointSteps(fixture_.output_dir()).value();
  }
  std::string Folder(int64_t step) const {
    return fixture_.output_dir() + "/" + CheckpointFolderName(step);
  }
  // Names of the output folder that are still to be removed.
  std::vector<std::string> Unfinished() const {
    std::vector<std::string> names;
    for (const auto& entry :
         std::filesystem::directory_iterator(fixture_.output_dir())) {
      std::string name = entry.path().filename();
      if (name.ends_with(".tmp")) names.push_back(std::move(name));
    }
    return names;
  }
  std::vector<std::string> EventsOf(const std::string& type) const {
    std::vector<std::string> messages;
    for (const v1::Event& event : coordinator_.events()) {
      if (event.type() == type) messages.push_back(event.message());
    }
    return messages;
  }
  // The disk does not take the checkpoints of these steps: their manifest
  // cannot be created.
  void Refuse(const std::vector<int64_t>& steps) {
    coordinator_.on_checkpoint = [this, steps](
                                     CommitRequest::Phase phase,
                                     const v1::Checkpoint& checkpoint) {
      if (phase != CommitRequest::PHASE_GRANT ||
          std::find(steps.begin(), steps.end(), checkpoint.step()) ==
              steps.end()) {
        return;
      }
      std::filesystem::create_directories(Folder(checkpoint.step()) +
                                          ".a1.tmp/MANIFEST/below");
    };
  }

  TrainingFixture fixture_;
  FakeCoordinator coordinator_;
};

TEST_F(SaveTest, WithoutALimitAllStay) {
  fixture_.MustRun(coordinator_);

  EXPECT_THAT(Listed(), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(OnDisk(), ElementsAre(6, 5, 4, 3, 2, 1));
}

TEST_F(SaveTest, TheNewestStayAndWhatIsListedHasItsFiles) {
  SetLimit(2);
  coordinator_.on_checkpoint = [this](CommitRequest::Phase phase,
                                      const v1::Checkpoint& checkpoint) {
    // Before it is unlisted it is whole; after it is listed it is.
    if (phase == CommitRequest::PHASE_GRANT) return;
    EXPECT_TRUE(Checkpoint::Open(Folder(checkpoint.step())).ok());
  };

  fixture_.MustRun(coordinator_);

  EXPECT_THAT(Listed(), ElementsAre(5, 6));
  EXPECT_THAT(OnDisk(), ElementsAre(6, 5));
  EXPECT_THAT(Unfinished(), IsEmpty());
}

TEST_F(SaveTest, APinnedOneStaysBesideTheNewest) {
  SetLimit(2);
  coordinator_.pinned = {2};

  fixture_.MustRun(coordinator_);

  EXPECT_THAT(Listed(), ElementsAre(2, 5, 6));
  EXPECT_THAT(OnDisk(), ElementsAre(6, 5, 2));
  EXPECT_THAT(coordinator_.events(), IsEmpty());
}

TEST_F(SaveTest, OneThatIsNotPinnedAnyMoreGoesWithTheNextSave) {
  SetLimit(2);
  coordinator_.pinned = {1};
  coordinator_.on_checkpoint = [this](CommitRequest::Phase phase,
                                      const v1::Checkpoint& checkpoint) {
    if (phase == CommitRequest::PHASE_COMMIT && checkpoint.step() == 5) {
      coordinator_.pinned.clear();
    }
  };

  fixture_.MustRun(coordinator_);

  EXPECT_THAT(OnDisk(), ElementsAre(6, 5));
}

TEST_F(SaveTest, ALaterAttemptCountsWhatWasListedBefore) {
  fixture_.MustRun(coordinator_);
  coordinator_.on_checkpoint = nullptr;
  // As if the first attempt had ended after step 4.
  std::filesystem::remove_all(Folder(5));
  std::filesystem::remove_all(Folder(6));
  ListForNext();
  fixture_.job.mutable_checkpoints()->DeleteSubrange(0, 2);
  FakeCoordinator next;
  SetLimit(3);

  const std::vector<RankOutcome> outcomes = fixture_.MustRun(next, 2);

  EXPECT_EQ(outcomes[0].resumed_step, 4);
  EXPECT_THAT(OnDisk(), ElementsAre(6, 5, 4));
}

TEST_F(SaveTest, WhatWasUnlistedAndNotRemovedGoesWithTheNextAttempt) {
  // Three stay on disk, and the death comes before the removal of one.
  SetLimit(3);
  fixture_.MustRun(coordinator_);
  ListForNext();
  fixture_.job.mutable_checkpoints()->DeleteSubrange(2, 1);
  ASSERT_THAT(OnDisk(), ElementsAre(6, 5, 4));

  const std::vector<RankOutcome> outcomes = fixture_.MustRun(coordinator_, 2);

  EXPECT_EQ(outcomes[0].resumed_step, 6);
  EXPECT_THAT(OnDisk(), ElementsAre(6, 5));
}

TEST_F(SaveTest, ARunThatBeginsAnewLeavesWhatIsListed) {
  fixture_.MustRun(coordinator_);
  ListForNext();
  fixture_.spec().mutable_checkpoint()->set_resume(
      v1::CheckpointSpec::RESUME_NEVER);
  fixture_.job.mutable_plan()->set_steps(2);

  const std::vector<RankOutcome> outcomes = fixture_.MustRun(coordinator_, 2);

  EXPECT_EQ(outcomes[0].resumed_step, 0);
  EXPECT_THAT(OnDisk(), ElementsAre(6, 5, 4, 3, 2, 1));
}

TEST_F(SaveTest, AFolderThatCannotBeRemovedIsTold) {
  SetLimit(5);
  // The output folder is lost just when the last step's surplus is to go.
  coordinator_.on_checkpoint = [this](CommitRequest::Phase phase,
                                      const v1::Checkpoint&) {
    if (phase != CommitRequest::PHASE_UNLIST) return;
    std::filesystem::rename(fixture_.output_dir(), fixture_.Path("elsewhere"));
    std::ofstream(fixture_.output_dir()) << "a file";
  };

  fixture_.Run(coordinator_);

  EXPECT_THAT(Listed(), ElementsAre(2, 3, 4, 5, 6));
  EXPECT_THAT(EventsOf("CHECKPOINT_NOT_REMOVED"),
              ElementsAre(HasSubstr("checkpoint of step 1 is not kept, but "
                                    "could not be removed")));
}

TEST_F(SaveTest, LeftoversThatCannotBeRemovedAreTold) {
  std::ofstream(fixture_.output_dir()) << "a file";

  fixture_.Run(coordinator_, 2);

  EXPECT_THAT(EventsOf("CHECKPOINT_NOT_REMOVED"),
              ElementsAre(HasSubstr("what an earlier attempt left")));
}

TEST_F(SaveTest, ACheckpointThatIsNotWrittenDoesNotEndTheRun) {
  FakeCoordinator calm;
  const at::Tensor expected = fixture_.MustRun(calm)[0].values;
  std::filesystem::remove_all(fixture_.output_dir());
  Refuse({2, 4, 5});

  const std::vector<RankOutcome> outcomes = fixture_.MustRun(coordinator_);

  EXPECT_TRUE(at::equal(outcomes[0].values, expected));
  EXPECT_THAT(Listed(), ElementsAre(1, 3, 6));
  EXPECT_THAT(OnDisk(), ElementsAre(6, 3, 1));
  EXPECT_THAT(Unfinished(), IsEmpty());
  const std::vector<std::string> told = EventsOf("CHECKPOINT_FAILED");
  ASSERT_THAT(told, SizeIs(3));
  EXPECT_THAT(told[0], AllOf(HasSubstr("checkpoint of step 2 is not written"),
                             HasSubstr("checkpoint-2.a1.tmp/MANIFEST"),
                             HasSubstr("would start from step 1")));
  EXPECT_THAT(told[2], HasSubstr("would start from step 3"));
}

TEST_F(SaveTest, TheThirdInARowEndsTheRun) {
  Refuse({3, 4, 5});

  const std::vector<RankOutcome> outcomes = fixture_.Run(coordinator_);

  EXPECT_EQ(EndOfRank(outcomes[0].status).cause, v1::Attempt::STORAGE_FULL);
  EXPECT_EQ(EndOfRank(outcomes[0].status).exit_code, kStorageFull);
  EXPECT_THAT(std::string(outcomes[0].status.message()),
              AllOf(HasSubstr("checkpoint of step 5 is not written"),
                    HasSubstr("the third in a row")));
  EXPECT_EQ(EndOfRank(outcomes[1].status).exit_code, kPeerLost);
  // The ones before are what they were.
  EXPECT_THAT(Listed(), ElementsAre(1, 2));
  for (const int64_t step : Listed()) {
    EXPECT_TRUE(Checkpoint::Open(Folder(step)).ok());
  }
}

TEST_F(SaveTest, AStopLeavesTheCheckpointThatItWasToLeave) {
  fixture_.spec().mutable_checkpoint()->set_save_steps(0);
  fixture_.SetSteps(/*steps=*/100'000, /*bins=*/4, /*ranks=*/2,
                    /*accumulation=*/1);
  coordinator_.SetCommand(Heartbeat::CHECKPOINT_AND_STOP, /*from_step=*/0);
  int64_t refused = 0;
  coordinator_.on_checkpoint = [&](CommitRequest::Phase phase,
                                   const v1::Checkpoint& checkpoint) {
    if (phase != CommitRequest::PHASE_GRANT || refused != 0) return;
    refused = checkpoint.step();
    std::filesystem::create_directories(Folder(refused) +
                                        ".a1.tmp/MANIFEST/below");
  };

  const std::vector<RankOutcome> outcomes = fixture_.MustRun(coordinator_);

  EXPECT_EQ(outcomes[0].end, Trainer::End::kStopped);
  EXPECT_EQ(outcomes[1].end, Trainer::End::kStopped);
  EXPECT_THAT(EventsOf("CHECKPOINT_FAILED"), SizeIs(1));
  EXPECT_THAT(Listed(), ElementsAre(refused + 1));
}

TEST_F(SaveTest, ARunWhoseCheckpointsAllFailedStillHasAResult) {
  fixture_.job.mutable_plan()->set_steps(2);
  Refuse({1, 2});

  fixture_.MustRun(coordinator_);

  EXPECT_THAT(Listed(), IsEmpty());
  EXPECT_TRUE(std::filesystem::exists(fixture_.output_dir() +
                                      "/adapter_model.safetensors"));
  EXPECT_THAT(EventsOf("CHECKPOINT_FAILED"),
              Each(HasSubstr("would start from the beginning")));
}

}  // namespace
}  // namespace lockstep::testing
