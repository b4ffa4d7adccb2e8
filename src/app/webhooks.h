// app/webhooks.h — the webhooks of a platform: from the settings to a thread that tells them, and to the API's questions.
#pragma once

#include <memory>

#include "app/config.h"
#include "app/data_folder.h"
#include "ingest/progress.h"
#include "journal/journal.h"
#include "serve/hooks.h"
#include "store/store.h"

namespace waybill::app {

struct WebhookParts {
  const Config& config;
  const DataFolder& folder;
  journal::Journal& journal;
  store::Store& store;
  ingest::Progress& progress;
  Metrics& metrics;
};

class RunningWebhooks : public serve::Webhooks {
 public:
  // Tells, in a thread of its own, until it is destroyed: the rest is told by the next start.
  virtual void start() = 0;
  // In place of start(): another process tells them, and nothing is kept for it here.
  virtual void leave_to_another() = 0;
};

Result<std::unique_ptr<RunningWebhooks>> open_webhooks(const WebhookParts& parts);

}  // namespace waybill::app
