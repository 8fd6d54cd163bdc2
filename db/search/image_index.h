// Keeps image_facet (db/migrations/0020_image_facet.sql) close to what is known of images.
#pragma once

namespace loupe {

class Transaction;

// Takes up what has changed of at most `at_most` images. Returns whether more can be taken up at once. Does
// nothing while another coordinator is at it. Requires: a transaction with READ COMMITTED, since what has
// changed is read before what it is now.
bool IndexChangedImages(Transaction& transaction, int at_most);

// Reads the scores of one more block of images, of a project whose serving model has changed. Returns whether
// more can be read at once. Else as IndexChangedImages.
bool IndexScores(Transaction& transaction);

}  // namespace loupe
