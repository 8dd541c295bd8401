// The whole public API. Start with exposer.h and puller.h.
#pragma once

#include <rgtp/access.h>
#include <rgtp/error.h>
#include <rgtp/event_loop.h>
#include <rgtp/exposer.h>
#include <rgtp/group.h>
#include <rgtp/host.h>
#include <rgtp/key.h>
#include <rgtp/locator.h>
#include <rgtp/log.h>
#include <rgtp/manifest.h>
#include <rgtp/observer.h>
#include <rgtp/pending.h>
#include <rgtp/puller.h>
#include <rgtp/region.h>
#include <rgtp/route.h>
#include <rgtp/source.h>
#include <rgtp/stats.h>
#include <rgtp/store.h>
#include <rgtp/task.h>
#include <rgtp/transport.h>
#include <rgtp/transports.h>
#include <rgtp/types.h>
#include <rgtp/version.h>
#include <rgtp/view.h>
