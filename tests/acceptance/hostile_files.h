#ifndef LOCKSTEP_TESTS_ACCEPTANCE_HOSTILE_FILES_H_
#define LOCKSTEP_TESTS_ACCEPTANCE_HOSTILE_FILES_H_

// Inputs that are meant to harm whoever reads them.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace lockstep::testing {

// A job on a good copy of a model, for an attack to bend.
struct HostileJob {
  // Folder of the model, and a file in it.
  std::string model;
  std::string InModel(const std::string& name) const {
    return model + "/" + name;
  }
  // File of the rows; good ones lie in it.
  std::string data;
  // Instead of the model's own, when not empty.
  std::string chat_template;
};

struct Attack {
  std::string name;
  std::function<void(HostileJob&)> prepare;
  // All must be in the message: which file, where in it.
  std::vector<std::string> parts;
  std::string reason = "INVALID_INPUT";
};

std::vector<Attack> WeightAttacks();
std::vector<Attack> TokenizerAttacks();
std::vector<Attack> TemplateAttacks();
std::vector<Attack> DataAttacks();
std::vector<Attack> ConfigAttacks();

// A file of the job, picked and damaged by the seed: cut, bytes changed, a part
// repeated or taken out. The name of the file.
std::string DamageOneFile(const HostileJob& job, uint64_t seed);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_ACCEPTANCE_HOSTILE_FILES_H_
