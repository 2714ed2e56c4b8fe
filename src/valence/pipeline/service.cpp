#include "valence/pipeline/service.h"

#include <algorithm>
#include <utility>

namespace valence::pipeline {
namespace {

using observe::Metric;

constexpr std::string_view kTask = "text-classification";
// What a model is warmed up with: enough rows that its speed can be told.
constexpr std::size_t kWarmUpTexts = 8;
constexpr std::string_view kWarmUpText =
    "It arrived late, but the quality is better than I had expected for the price.";

/// Whether both are of one object, be it gone; without counting.
bool is_same(const std::weak_ptr<const Classifier>& a, const std::shared_ptr<const Classifier>& b) {
  return !a.owner_before(b) && !b.owner_before(a);
}

}  // namespace

/// Handles of one model's metrics, kept because making them takes a lock and a search.
struct Service::ModelMetrics {
  std::weak_ptr<const Classifier> classifier;
  std::vector<observe::Counter> texts;  // by label id
  observe::Counter uncertain;
  observe::Counter errors;
  observe::Counter abstained;
  observe::Counter truncated;
  observe::Counter tokens;
  observe::Histogram confidence;
};

struct Service::BatchMetrics {
  observe::Counter cpu_seconds;
  observe::Histogram texts;
  observe::Histogram tokens;
};

std::string_view ServiceReply::label(std::size_t i) const {
  const Prediction& prediction = *predictions[i];
  if (request.threshold && prediction.score < *request.threshold) return kUncertain;
  if (prediction.label_id < 0) return "";  // of a token classifier
  return request.model->classifier->labels()[static_cast<std::size_t>(prediction.label_id)];
}

Service::Service(const ServiceOptions& options, const Clock& clock, observe::Metrics& metrics,
                 std::vector<RecordSink*> sinks)
    : options_(options),
      clock_(clock),
      metrics_(metrics),
      sinks_(std::move(sinks)),
      refused_overloaded_(metrics.counter(Metric::kRefused, {"overloaded"})),
      refused_expired_(metrics.counter(Metric::kRefused, {"expired"})),
      refused_abandoned_(metrics.counter(Metric::kRefused, {"client_gone"})),
      sink_errors_(metrics.counter(Metric::kSinkErrors)),
      queue_seconds_(metrics.histogram(Metric::kStageDuration, {"queue"})),
      tokenize_seconds_(metrics.histogram(Metric::kStageDuration, {"tokenize"})),
      inference_seconds_(metrics.histogram(Metric::kStageDuration, {"infer"})),
      scores_seconds_(metrics.histogram(Metric::kStageDuration, {"post"})),
      batcher_(options.batcher, clock, [this](const BatchReport& report) { on_batch(report); }) {
  const observe::Gauge texts = metrics.gauge(Metric::kQueueTexts);
  const observe::Gauge tokens = metrics.gauge(Metric::kQueueTokens);
  metrics.on_expose([this, texts, tokens] {
    const auto depth = batcher_.depth();
    texts.set(static_cast<double>(depth.texts));
    tokens.set(static_cast<double>(depth.tokens));
  });
}

std::optional<std::chrono::milliseconds> Service::refuse_early() {
  const auto later = batcher_.is_full();
  if (later) refused_overloaded_.add();
  return later;
}

std::optional<std::chrono::milliseconds> Service::submit(ServiceRequest request, Finished finished) {
  auto batch = std::make_unique<BatchRequest>();
  batch->classifier = request.model->classifier;
  batch->model_name = request.model->name;
  batch->texts = std::move(request.texts);
  batch->abandoned = request.abandoned;
  batch->deadline = clock_.now() + std::min(request.timeout.value_or(options_.timeout), options_.timeout);
  auto reply = std::make_shared<ServiceReply>();
  reply->time_ms = clock_.unix_ms();
  reply->request = std::move(request);
  batch->finished = [this, reply, finished = std::move(finished)](std::unique_ptr<BatchRequest> done) {
    finish(std::move(done), reply, finished);
  };
  const bool is_refusal = !reply->request.comes_again;
  const auto later = batcher_.submit(batch);
  if (later && is_refusal) refused_overloaded_.add();
  return later;
}

void Service::finish(std::unique_ptr<BatchRequest> done, const std::shared_ptr<ServiceReply>& reply,
                     const Finished& finished) {
  reply->outcome = done->outcome;
  reply->request.texts = std::move(done->texts);
  reply->predictions = std::move(done->predictions);
  reply->queue_seconds = done->queue_seconds;
  reply->tokenize_seconds = done->tokenize_seconds;
  reply->inference_seconds = done->inference_seconds;
  // First: who has an answer finds it in the counters and in the history.
  count(*reply);
  if (reply->outcome == BatchOutcome::kDone && !sinks_.empty()) record(*reply);
  finished(reply);
}

Service::ModelMetrics& Service::metrics_of(const ServedModel& model) {
  auto& known = model_metrics_[model.name];
  if (known && is_same(known->classifier, model.classifier)) return *known;
  // Another version, or the same weights with other labels.
  known = std::make_shared<ModelMetrics>();
  known->classifier = model.classifier;
  for (const std::string& label : model.classifier->labels()) {
    known->texts.push_back(metrics_.counter(Metric::kTexts, {model.name, kTask, label}));
  }
  known->uncertain = metrics_.counter(Metric::kTexts, {model.name, kTask, kUncertain});
  known->errors = metrics_.counter(Metric::kTextErrors, {model.name});
  known->abstained = metrics_.counter(Metric::kAbstained, {model.name});
  known->truncated = metrics_.counter(Metric::kTruncated, {model.name});
  known->tokens = metrics_.counter(Metric::kTokens, {model.name});
  known->confidence = metrics_.histogram(Metric::kConfidence, {model.name, kTask});
  return *known;
}

void Service::count(const ServiceReply& reply) {
  switch (reply.outcome) {
    case BatchOutcome::kDone:
      break;
    case BatchOutcome::kExpired:
      refused_expired_.add();
      return;
    case BatchOutcome::kAbandoned:
      refused_abandoned_.add();
      return;
    case BatchOutcome::kStopped:
      return;
  }
  queue_seconds_.observe(reply.queue_seconds);
  ModelMetrics& model = metrics_of(*reply.request.model);
  for (const auto& prediction : reply.predictions) {
    if (!prediction) {
      model.errors.add();
      continue;
    }
    model.tokens.add(prediction->tokens);
    if (prediction->truncated) model.truncated.add();
    if (prediction->label_id < 0) continue;
    model.confidence.observe(static_cast<double>(prediction->score));
    if (reply.request.threshold && prediction->score < *reply.request.threshold) {
      model.abstained.add();
      model.uncertain.add();
    } else {
      model.texts[static_cast<std::size_t>(prediction->label_id)].add();
    }
  }
}

void Service::on_batch(const BatchReport& report) {
  tokenize_seconds_.observe(report.times.tokenize_seconds);
  inference_seconds_.observe(report.times.inference_seconds);
  scores_seconds_.observe(report.times.scores_seconds);
  const auto known = batch_metrics_.find(report.model_name);
  auto& batches = known != batch_metrics_.end() ? known->second : batch_metrics_[std::string(report.model_name)];
  if (!batches) {
    batches = std::make_shared<BatchMetrics>(
        BatchMetrics{.cpu_seconds = metrics_.counter(Metric::kComputeCpuSeconds, {report.model_name}),
                     .texts = metrics_.histogram(Metric::kBatchTexts, {report.model_name}),
                     .tokens = metrics_.histogram(Metric::kBatchTokens, {report.model_name})});
  }
  batches->cpu_seconds.add(report.cpu_seconds);
  batches->texts.observe(static_cast<double>(report.texts));
  batches->tokens.observe(static_cast<double>(report.tokens));
}

void Service::record(const ServiceReply& reply) {
  const ServiceRequest& request = reply.request;
  for (const auto& prediction : reply.predictions) {
    if (request.all_or_nothing && !prediction) return;
    if (request.refuses_cut && prediction && prediction->truncated) return;
  }
  const auto& labels = request.model->classifier->labels();
  std::vector<ClassifiedRecord> records;
  records.reserve(reply.predictions.size());
  for (std::size_t i = 0; i < reply.predictions.size(); ++i) {
    if (!reply.predictions[i] || reply.predictions[i]->label_id < 0) continue;
    const Prediction& prediction = *reply.predictions[i];
    ClassifiedRecord& record = records.emplace_back();
    record.id = request.fields[i].id;
    record.time_ms = reply.time_ms;
    record.stream = request.stream;
    record.channel = request.channel;
    record.subject = request.subject;
    record.text = request.texts[i].text;
    record.label = reply.label(i);
    record.score = prediction.score;
    for (std::size_t id = 0; id < labels.size(); ++id) record.scores.push_back({labels[id], prediction.scores[id]});
    record.model = request.model->name;
    record.model_version = request.model->version;
    record.config_version = request.model->config_version;
    record.tokens = prediction.tokens;
    record.truncated = prediction.truncated;
    record.metadata = request.fields[i].metadata;
  }
  if (records.empty()) return;
  for (RecordSink* sink : sinks_) {
    if (!sink->write(records)) sink_errors_.add();
  }
}

Status Service::warm_up(const ServedModel& model) {
  const std::vector<std::string_view> texts(kWarmUpTexts, kWarmUpText);
  for (const bool measured : {false, true}) {
    const auto begin = clock_.now();
    std::uint64_t tokens = 0;
    for (const auto& prediction : model.classifier->classify(texts)) {
      if (!prediction) return fail(prediction.error());
      tokens += prediction->tokens;
    }
    const double seconds = std::chrono::duration<double>(clock_.now() - begin).count();
    if (measured && seconds > 0) batcher_.learn_speed(*model.classifier, tokens, seconds);
  }
  return {};
}

void Service::retire(const ServedModel& model) { batcher_.forget_speed(*model.classifier); }

}  // namespace valence::pipeline
