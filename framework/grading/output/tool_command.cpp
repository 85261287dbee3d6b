#include "grading/output/tool_command.hpp"

#include "core/text/shell_words.hpp"
#include "grading/run/graded_settings.hpp"

namespace lensbench::grading {

std::string command_of(const Grades& grades, const GradeRequest& request, std::size_t number,
                       std::size_t task) {
  const Entry& entry = grades.entries[number];
  const TaskPlace& place = grades.tasks[task];
  const GradedModel& model = grades.models[place.model];
  const PromptPair& prompt = model.truth.tasks[place.task].prompts.front();
  std::string command;
  if (place.model < request.planted.size()) {
    const PlantRequest& plant = request.planted[place.model];
    command = "lensbench plant " + plant.kind + " --seed " + std::to_string(plant.seed) +
              (plant.gauge == Gauge::rotated ? " --gauge rotated" : "") +
              (plant.prompts == PlantRequest().prompts
                   ? ""
                   : " --set prompts=" + std::to_string(plant.prompts)) +
              " --out " + shell_word(model.label) + " && ";
  }
  command += "lensbench tool " + entry.tool + " --model " + shell_word(model.label) + " --ids " +
             shell_word(field_text(prompt, "ids"));
  for (const auto& [name, value] :
       bound_settings(entry.parameters, prompt, entry.given, request.bind))
    command += " --set " + shell_word(name + "=" + value);
  return command;
}

}  // namespace lensbench::grading
