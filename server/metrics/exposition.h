// All metrics as Prometheus's text: what was counted, and what is read when somebody asks.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <prometheus/metric_family.h>

#include "server/metrics/metrics.h"

namespace loupe {

class Exposition {
 public:
  // Of HTTP's Content-Type.
  static constexpr char kMediaType[] = "text/plain; version=0.0.4; charset=utf-8";

  struct Value {
    std::vector<std::pair<std::string, std::string>> labels;  // names and values
    double value = 0;
  };

  explicit Exposition(const Metrics& metrics) : families_(metrics.registry().Collect()) {}

  void Gauge(const char* name, const char* help, double value) { Gauge(name, help, {{{}, value}}); }
  void Gauge(const char* name, const char* help, const std::vector<Value>& values);
  void Counter(const char* name, const char* help, double value);

  std::string Text() const;

 private:
  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace loupe
