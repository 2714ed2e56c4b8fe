// Labels two texts with the built-in model. A project of yours needs two lines of CMake for it:
//   find_package(valence REQUIRED)
//   target_link_libraries(your_program PRIVATE valence::valence)
#include <valence/classifier.h>

#include <cstdio>
#include <string_view>
#include <vector>

int main() {
  const auto classifier = valence::Classifier::load_default({});
  if (!classifier) {
    std::fprintf(stderr, "error: %s\n", classifier.error().to_string().c_str());
    return 3;
  }

  const std::vector<std::string_view> texts = {
      "I love this camera, it is the best thing I bought this year!",
      "The worst customer service I have ever had to deal with.",
  };
  const auto predictions = (*classifier)->classify(texts);

  bool all_labelled = true;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    // Each text succeeds or fails alone: an empty one would be an error here and leave the others unharmed.
    if (const auto& prediction = predictions[i]) {
      const std::string& label = (*classifier)->labels()[static_cast<std::size_t>(prediction->label_id)];
      std::printf("%-8s  %.4f  %s\n", label.c_str(), static_cast<double>(prediction->score), texts[i].data());
    } else {
      std::fprintf(stderr, "error: %s\n", prediction.error().to_string().c_str());
      all_labelled = false;
    }
  }
  return all_labelled ? 0 : 1;
}
